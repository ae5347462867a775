"""Spelled: a space as a person writes it, `space.optimizer.lr=1e-4..1e-1:log`, bound to a recipe.

    space.optimizer.lr=1e-4..1e-1:log     a range; `:log` or `:linear`, else as the technique declares it
    space.optimizer=sgd,adamw             a choice; `/` between the values where a value has commas itself
    space.optimizer.momentum=auto         the range that the technique declares

What a range says by itself is checked before any data is read; whether the recipe can take it, when it is bound.
"""

import math
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from trainwell.errors import BadValue, Refused, UnknownName
from trainwell.family import Family, Member, Part
from trainwell.recipe import FAMILIES, Recipe, check_edits, parse_value
from trainwell.search.space import Choice, Dimension, Range, Space

PREFIX = "space."
_EXAMPLE = "for example space.optimizer.lr=1e-4..1e-1:log or space.optimizer=sgd,adamw"
_FIXED = {
    "seed",
    "valid_fraction",
    "image_size",
    "short_side",
    "image_fit",
    "preprocess",
    "monitor",
    "keep",
    "threads",
    "precision",
    "layout",
    "compile",
    "measure",
    "measure_every",
    "silence",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a person asked to be searched.

    Args:
        key: What is set in the recipe.
        ends: Lower and upper end; None where it is no range.
        scale: `log` or `linear`; empty where it was left open.
        values: The values of a choice; empty where it is none. With neither it is the declared range.
    """

    key: str
    ends: tuple[float, float] | None = None
    scale: str = ""
    values: tuple[str, ...] = ()


def read_space(texts: Iterable[str]) -> list[Asked]:
    """What is asked, from `space.KEY=...` texts; refuses what is wrong by itself, whatever the data is.

    Raises:
        UnknownName: No such field, technique or argument.
        BadValue: A range that is none, a key that comes twice, what is the same for all trials of a study.
    """
    found: list[Asked] = []
    for text in texts:
        key, equals, value = text.removeprefix(PREFIX).partition("=")
        if not equals or not key.strip() or not value.strip():
            raise BadValue(f"{text!r} is no range to search: expected space.KEY=LOW..HIGH or A,B; {_EXAMPLE}.")
        asked = _read(key.strip(), value.strip())
        if any(asked.key == other.key for other in found):
            raise BadValue(f"{PREFIX}{asked.key} is given twice; once is enough.")
        _check(asked)
        found.append(asked)
    return found


def bind(asked: Iterable[Asked], recipe: Recipe, ranges: Mapping[str, tuple[float, float]] | None = None) -> Space:
    """The space over a recipe: declared ranges looked up, every end tried on the recipe.

    Args:
        asked: What is to be searched.
        recipe: The recipe of the study.
        ranges: Ends by key for what is asked without any, in place of the declared ones; for the recipe's own
            techniques only.

    Raises:
        BadValue: A value that the recipe cannot take, or no declared range.
        UnknownName: No such argument.
    """
    wanted = sorted(asked, key=lambda one: one.key.count("."))
    choices = [_choice(one, recipe) for one in wanted if one.values]
    found: list[Dimension] = []
    for one in wanted:
        if one.values:
            found.append(next(choice for choice in choices if choice.key == one.key))
            continue
        above = next((c for c in choices if one.key.startswith(f"{c.key}.") and c.key in FAMILIES), None)
        found += [_dimension(one, recipe, ranges or {})] if above is None else _under(one, above, recipe, ranges or {})
    return Space(tuple(found))


def declared(recipe: Recipe, key: str) -> tuple[object, ...] | None:
    """The search range that the technique at a place of the recipe declares for an argument; None where it does not."""
    place = _member_of(recipe, key)
    return None if place is None else place.tune.get(key.rpartition(".")[2])


def value_of(recipe: Recipe, key: str) -> Any:
    """The value at a place of a recipe, of techniques the names with commas between them; None where there is none."""
    holder, _, name = key.rpartition(".")
    found = _part_of(recipe, holder) if holder else None
    value = getattr(recipe, key) if not holder else None if found is None else found[1].args.get(name)
    if isinstance(value, tuple) and all(isinstance(one, Part) for one in value):
        return ",".join(one.name for one in value)
    return value.name if isinstance(value, Part) else value


def text_in(recipe: Recipe, key: str, texts: Iterable[str]) -> str | None:
    """The one of some texts that says what the recipe has at a place; None where none does."""
    now = value_of(recipe, key)
    return next((text for text in texts if _takes(recipe, key, text) and _set(recipe, key, text) == now), None)


def _set(recipe: Recipe, key: str, text: str) -> Any:
    return value_of(recipe.edit([f"{key}={text}"]), key)


def _read(key: str, value: str) -> Asked:
    if value.lower() == "auto":
        return Asked(key=key)
    if ".." in value:
        text, colon, scale = value.partition(":")
        if colon and scale not in ("log", "linear"):
            raise BadValue(f"{PREFIX}{key}={value}: a range ends with :log or :linear, not with {colon}{scale}.")
        ends = [parse_value(end.strip()) for end in text.split("..")]
        numbers = [end for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
        if len(ends) != 2 or len(numbers) != 2 or not all(math.isfinite(end) for end in numbers):
            raise BadValue(f"{PREFIX}{key}={value} is no range: expected two numbers, LOW..HIGH; {_EXAMPLE}.")
        low, high = numbers
        if low >= high:
            raise BadValue(f"{PREFIX}{key}={value}: the lower end has to be below the upper one, {low} is not.")
        if scale == "log" and low <= 0:
            raise BadValue(f"{PREFIX}{key}={value}: a logarithmic range has to begin above 0. Give another end.")
        return Asked(key=key, ends=(low, high), scale=scale)
    values = tuple(part.strip() for part in value.split("/" if "/" in value else ","))
    if len(values) < 2 or len(set(values)) < len(values) or not all(values):
        raise BadValue(f"{PREFIX}{key}={value}: expected LOW..HIGH or at least two different values; {_EXAMPLE}.")
    return Asked(key=key, values=values)


def _check(asked: Asked) -> None:
    """Refuse a key or value that no recipe can take."""
    field, inside, rest = asked.key.partition(".")
    if field not in Recipe.__dataclass_fields__:
        raise UnknownName("field of a recipe", field, Recipe.__dataclass_fields__)
    if field in _FIXED:
        raise BadValue(f"{PREFIX}{asked.key}: {field} is the same for all trials of a study. Set it: {field}=...")
    texts = asked.values or tuple(_text(end) for end in asked.ends or ())
    if not inside:
        if not texts:
            raise BadValue(f"{PREFIX}{field}=auto: {field} has no declared range. Give one: {PREFIX}{field}=...")
        if field in FAMILIES and asked.ends is not None:
            raise BadValue(f"{PREFIX}{field} names techniques: expected some of them, {PREFIX}{field}=A,B.")
        for text in texts:
            check_edits([f"{field}={text}"])
        return
    check_edits([f"{asked.key}=1"])
    if field not in FAMILIES:
        raise BadValue(f"{PREFIX}{asked.key}: {field} is a plain value and has no parts. Write {PREFIX}{field}=...")
    family = FAMILIES[field]
    if "." in rest or typing.get_origin(typing.get_type_hints(Recipe)[field]) is tuple:
        return
    takers = [member for member in family if rest in member.hyper]
    if not takers:
        raise UnknownName(f"argument of {family.name}", rest, {name for member in family for name in member.hyper})
    if all(member.types.get(rest) in (int, float) for member in takers):
        for text in texts:
            _refuse_everywhere(family, takers, rest, text)


def _refuse_everywhere(family: Family, takers: list[Member], name: str, text: str) -> None:
    """Raise `BadValue` where none of the techniques that have an argument can take this value for it."""
    last: Refused | None = None
    for member in takers:
        defaults = {n: p.default for n, p in member.hyper.items() if p.default is not p.empty}
        try:
            member.check(dict.fromkeys(member.hyper, 1.0) | defaults | {name: parse_value(text)})
        except Refused as error:
            last = error
        else:
            return
    assert last is not None, f"{family.name} has takers of {name}"
    raise last


def _choice(one: Asked, recipe: Recipe) -> Choice:
    for value in one.values:
        _try(recipe, one.key, value)
    return Choice(name=one.key, key=one.key, values=one.values, own=text_in(recipe, one.key, one.values))


def _under(one: Asked, above: Choice, recipe: Recipe, ranges: Mapping[str, tuple[float, float]]) -> list[Dimension]:
    """The dimensions for what is set in a technique that is itself searched: one for those that share the range."""
    values_of: dict[Dimension, list[str]] = {}
    argument = one.key.rpartition(".")[2]
    for value in above.values:
        own = value == above.own
        with_it = recipe if own else recipe.edit([f"{above.key}={value}"])
        member = _member_of(with_it, one.key)
        if member is not None and argument in (member.hyper if one.ends else member.tune):
            values_of.setdefault(_dimension(one, with_it, ranges if own else {}), []).append(value)
    if not values_of:
        raise BadValue(
            f"{PREFIX}{one.key}: none of {', '.join(above.values)} has "
            f"{'it' if one.ends else 'a declared range for it'}. Leave it out{'' if one.ends else ' or give the ends'}."
        )
    return [
        replace(made, name=f"{one.key} ({', '.join(values)})", when=(above.name, tuple(values)))
        for made, values in values_of.items()
    ]


def _dimension(one: Asked, recipe: Recipe, ranges: Mapping[str, tuple[float, float]]) -> Dimension:
    """What is asked without values: a range, or a choice where the technique declares several values."""
    known = declared(recipe, one.key) or ()
    if one.ends is None and one.key not in ranges and (len(known) > 2 and known[-1] != "log"):
        return Choice(name=one.key, key=one.key, values=tuple(str(value) for value in known))
    return _range(one, recipe, ranges, known)


def _range(one: Asked, recipe: Recipe, ranges: Mapping[str, tuple[float, float]], known: tuple[object, ...]) -> Range:
    log = bool(known) and known[-1] == "log"
    if one.ends is not None:
        low, high = one.ends
        log = one.scale == "log" if one.scale else log and low > 0
    elif one.key in ranges:
        low, high = ranges[one.key]
    elif not known:
        member = _member_of(recipe, one.key)
        if member is None or one.key.rpartition(".")[2] not in member.hyper:
            _try(recipe, one.key, "1")  # refuses it by name
        raise BadValue(f"{PREFIX}{one.key}=auto: it has no declared range. Give the ends: {PREFIX}{one.key}=LOW..HIGH.")
    else:
        numbers = [end for end in known if isinstance(end, int | float)]
        low, high = min(numbers), max(numbers)
    for end in (low, high):
        _try(recipe, one.key, _text(end))
    whole = float(low).is_integer() and float(high).is_integer() and not _takes(recipe, one.key, _text(low + 0.5))
    return Range(name=one.key, key=one.key, low=low, high=high, log=log, whole=whole)


def _try(recipe: Recipe, key: str, text: str) -> None:
    try:
        recipe.edit([f"{key}={text}"])
    except Refused as error:
        raise type(error)(f"{PREFIX}{key}: {error}") if not isinstance(error, UnknownName) else error from error


def _takes(recipe: Recipe, key: str, text: str) -> bool:
    try:
        recipe.edit([f"{key}={text}"])
    except Refused:
        return False
    return True


def _member_of(recipe: Recipe, key: str) -> Member | None:
    """The technique that holds the argument at a place of the recipe."""
    holder, dot, _ = key.rpartition(".")
    found = _part_of(recipe, holder) if dot else None
    return None if found is None else found[0][found[1].name]


def _part_of(recipe: Recipe, place: str) -> tuple[Family, Part] | None:
    """The technique at a place of the recipe, with its family: `optimizer`, `augment.mixup`, `model.dropout`."""
    field, *rest = place.split(".")
    family, value = FAMILIES.get(field), getattr(recipe, field, None)
    if isinstance(value, tuple):
        value = next((part for part in value if isinstance(part, Part) and rest and part.name == rest[0]), None)
        rest = rest[1:]
    for name in rest:
        if family is None or not isinstance(value, Part):
            return None
        family, value = family[value.name].parts.get(name), value.args.get(name)
    return None if family is None or not isinstance(value, Part) else (family, value)


def _text(value: float) -> str:
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)
