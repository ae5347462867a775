"""A card of a technique: all that is known of it, as plain data, for the terminal, for JSON and for the pages."""

import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from trainwell.diagnoses.problems import Fitted, fitted, problems
from trainwell.family import Member, Part
from trainwell.method.catalogue import fact_texts, family_named
from trainwell.method.explanation import Explanation, explanation, parse
from trainwell.models import models
from trainwell.probes.activation import ActivationFacts, activation_facts
from trainwell.recipe import FAMILIES, Recipe
from trainwell.recipes import SMALL_SIDE, Shape, choose

_WORDS = {"rules": "silence", "recipes": "recipe"}  # families whose members a run takes by name alone
REQUIRED = "required"


@dataclass(frozen=True)
class Parameter:
    """A hyper-parameter.

    Args:
        name: As it is written.
        kind: What it may be.
        default: What it is where nothing is said; `REQUIRED` where something has to be.
        limits: What is possible, as an interval; empty where its kind says it all.
        search: Where a search looks; empty where none does.
        text: What it does.
    """

    name: str
    kind: str
    default: str
    limits: str
    search: str
    text: str


@dataclass(frozen=True)
class Fact:
    """Something that is stated of a technique as data.

    Args:
        name: As it is registered.
        stated: What the member states; None where it states nothing.
        computed: What comes out of its function, or of a fit; None where nothing is computed.
        text: What the fact means, as the family says.
    """

    name: str
    stated: Any
    computed: Any
    text: str


@dataclass(frozen=True)
class Card:
    """All that is known of a technique.

    Args:
        family: Name of the family.
        id: Id within it.
        says: Its docstring, in parts.
        paper: Address of the source.
        facts: What is stated as data, and computed.
        uncomputed: Why facts could not be computed from the function; empty where they were, or there is nothing to.
        parameters: Its hyper-parameters.
        edits: What is written behind `trainwell fit DATA` to use it; empty where nothing is.
        code: The same in plain Python.
    """

    family: str
    id: str
    says: Explanation
    paper: str | None
    facts: tuple[Fact, ...]
    uncomputed: str
    parameters: tuple[Parameter, ...]
    edits: tuple[str, ...]
    code: str

    def json(self) -> dict[str, Any]:
        """The card as plain data."""
        plain = asdict(self)
        plain["facts"] = [fact | {key: _plain(fact[key]) for key in ("stated", "computed")} for fact in plain["facts"]]
        return plain.pop("says") | plain


def card(member: Member) -> Card:
    """The card of a member; what is computed is computed now."""
    says = explanation(member)
    meanings = dict(fact_texts(family_named(member.family)))
    computed: dict[str, Any] = {}
    uncomputed = ""
    if member.family == problems.name and member.id in problems:
        meanings = dict(parse(inspect.getdoc(Fitted) or "").args) | meanings
        computed = {name: value for name, value in vars(fitted()[member.id]).items() if value}
    elif has_curve(member):
        meanings = dict(parse(inspect.getdoc(ActivationFacts) or "").args) | meanings
        try:
            found = activation_facts(Part(member.family, member.id))
        except Exception as error:  # one of one's own may need arguments, or take more than one number
            uncomputed = str(error).partition("\n")[0]
        else:
            values = {field.name: getattr(found, field.name) for field in fields(found)}
            computed = {name: value for name, value in values.items() if value is not None}
    names = [*member.facts, *(name for name in computed if name not in member.facts)]
    return Card(
        family=member.family,
        id=member.id,
        says=says,
        paper=member.paper,
        facts=tuple(Fact(n, member.facts.get(n), computed.get(n), meanings.get(n, "")) for n in names),
        uncomputed=uncomputed,
        parameters=tuple(_parameter(member, name, says.args.get(name, "")) for name in member.hyper),
        edits=tuple(_edits(member)),
        code=_code(member),
    )


def has_curve(member: Member) -> bool:
    """Whether the member is an activation of one number, as far as is known."""
    return member.family == "activations" and bool(member.facts.get("elementwise", True))


def _parameter(member: Member, name: str, text: str) -> Parameter:
    default = member.hyper[name].default
    kind = member.types.get(name, Any)
    if name in member.parts:
        options = ["one of " + member.parts[name].name, *(["none"] if type(None) in typing.get_args(kind) else [])]
    else:
        options = _options(kind)
    return Parameter(
        name=name,
        kind=" or ".join(options),
        default=REQUIRED if default is inspect.Parameter.empty else value_text(default),
        limits=member.limits.get(name, ""),
        search=_search(member.tune.get(name, ())),
        text=text,
    )


def _options(kind: Any) -> list[str]:
    """What an annotation allows, in words."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [word for option in typing.get_args(kind) for word in _options(option)]
    if typing.get_origin(kind) is typing.Literal:
        return [value_text(value) for value in typing.get_args(kind)]
    if kind is type(None):
        return ["none"]
    return [inspect.formatannotation(kind)]


def _search(span: tuple[Any, ...]) -> str:
    if not span:
        return ""
    if span[-1] == "log":
        return f"{value_text(span[0])} to {value_text(span[1])}, by factors"
    return " to ".join(map(value_text, span)) if len(span) == 2 else ", ".join(map(value_text, span))


def value_text(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple | list):
        return "(" + ", ".join(map(value_text, value)) + ")"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {value_text(item)}" for name, item in value.items())
    return str(value)


def _plain(value: Any) -> Any:
    """A value that JSON has: infinity becomes a word."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _edits(member: Member) -> list[str]:
    """What puts the technique into a recipe, with one of its hyper-parameters spelled out.

    Nothing where it needs a value that only its user knows.
    """
    if _required(member):
        return []
    if member.family in _WORDS:
        return [f"{_WORDS[member.family]}={member.id}"]
    field = next((name for name, family in FAMILIES.items() if family.name == member.family), None)
    if field is not None:
        several = typing.get_origin(typing.get_type_hints(Recipe)[field]) is tuple
        first = ["warmup=0", "start=0"] if member.facts.get("own_warmup") else []
        first += ["model=mlp", "views=one"] if member.facts.get("flattens") else []  # rows have no mirror image
        return [*first, f"{field}={member.id}", *_setting(member, f"{field}.{member.id}." if several else f"{field}.")]
    usual = models[choose(Shape("images", (3, SMALL_SIDE, SMALL_SIDE), ("a", "b"), 1000))[0].model.name]
    for model in models:
        # What wraps a branch is no part of a model: one that has branches takes its probability, under its name.
        if member.facts.get("wraps") == "branch" and member.id in model.hyper:
            return [f"model={model.id}", f"model.{member.id}={value_text(member.hyper['p'].default)}"]
    for model in (usual, *models):
        for name, family in model.parts.items():
            if family.name == member.family and _fits(member, model.hyper[name].default):
                return [f"model={model.id}", f"model.{name}={member.id}", *_setting(member, f"model.{name}.")]
    return []


def _fits(member: Member, default: Any) -> bool:
    """Whether a place in a model, known by its default, takes the technique.

    Poolings of windows and of whole maps have places of their own. A data-dependent initializer with none before it
    is for a single layer, which a model names itself.
    """
    if member.facts.get("data_dependent") and "before" not in member.facts:
        return False
    if default is None:
        return True
    usual = family_named(member.family)[default.name if isinstance(default, Part) else default]
    return bool(usual.facts.get("overall")) is bool(member.facts.get("overall"))


def _setting(member: Member, place: str) -> list[str]:
    """One hyper-parameter at its default: one that is searched over, if there is one."""
    for name in [*member.tune, *member.hyper]:
        default = member.hyper[name].default
        if isinstance(default, int | float) and not isinstance(default, bool):
            return [f"{place}{name}={value_text(default)}"]
    return []


def _required(member: Member) -> list[str]:
    return [name for name, parameter in member.hyper.items() if parameter.default is inspect.Parameter.empty]


def _code(member: Member) -> str:
    """How it is called from Python, with the inputs by name."""
    parameters = inspect.signature(member.make).parameters.values()
    inputs = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    inputs += [f"{name}=..." for name in _required(member)]
    name = member.make.__qualname__
    return f"from {member.make.__module__} import {name}\n{name}({', '.join(inputs + _setting(member, ''))})"
