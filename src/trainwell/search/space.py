"""A space: what a study may change of a recipe, and between which values.

It is plain data, and a setting of it is a dict of plain values by the name of the dimension. A dimension may be asked
for only under some values of a choice: the momentum of `sgd` is none of `adamw`.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial as Asked

Settings = Mapping[str, Any]
_DIGITS = 4  # of a value, as it is written into an edit of the recipe


@dataclass(frozen=True, kw_only=True)
class Range:
    """A number between two ends.

    Args:
        name: Unique within the space; what Optuna calls it.
        key: What it sets in the recipe: `optimizer.lr`.
        low: Lower end, included.
        high: Upper end, included.
        log: Whether ratios count, and not differences.
        whole: Whether only whole numbers are possible.
        when: Name of a choice and the values of it under which this is asked for; None is always.
    """

    name: str
    key: str
    low: float
    high: float
    log: bool = False
    whole: bool = False
    when: tuple[str, tuple[str, ...]] | None = None

    def at(self, share: float) -> float | int:
        """The value at a share of the way from the lower end to the upper, in [0, 1]."""
        if self.whole:
            low, high = self.low - 0.5, self.high + 0.5
            value = math.exp(_between(math.log(low), math.log(high), share)) if self.log else _between(low, high, share)
            return int(min(self.high, max(self.low, round(value))))
        if self.log:
            value = math.exp(_between(math.log(self.low), math.log(self.high), share))
        else:
            value = _between(self.low, self.high, share)
        return min(self.high, max(self.low, value))

    def spread(self, count: int) -> list[Any]:
        """So many values, evenly over the range with both ends; the middle where it is one."""
        shares = [0.5] if count == 1 else [place / (count - 1) for place in range(count)]
        return list(dict.fromkeys(self.at(share) for share in shares))

    def suggest(self, trial: Asked) -> float | int:
        """The value that Optuna proposes."""
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)

    def distribution(self) -> BaseDistribution:
        """The same, as Optuna has it."""
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        """Whether the value lies within."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def narrowed(self, values: Sequence[Any], below: float, above: float) -> "Range":
        """The part of the range about some values: so many times lower and higher where it is logarithmic.

        A linear range is cut to the same share of its width on both sides as a logarithmic one of two decades would be.
        """
        least, most = min(values), max(values)
        if self.log:
            low, high = least / below, most * above
        else:
            width = (self.high - self.low) / 2
            low, high = least - width * math.log10(below), most + width * math.log10(above)
        low, high = max(self.low, low), min(self.high, high)
        return (
            replace(self, low=math.ceil(low), high=math.floor(high))
            if self.whole
            else replace(self, low=low, high=high)
        )

    def text(self, value: Any) -> str:
        """The value, as an edit of the recipe has it."""
        return str(int(value)) if self.whole else f"{value:.{_DIGITS}g}"

    def words(self) -> str:
        """The range in a few words."""
        return f"{self.key} {self.low:.3g} .. {self.high:.3g}{' log' if self.log else ''}{_only(self.when)}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of some values, each the text of an edit.

    Args:
        name: Unique within the space.
        key: What it sets in the recipe; empty where a value is itself a list of edits, with spaces between them.
        values: The texts.
        own: The value that the recipe has, with all that it sets in it: no edit makes it.
        when: As in `Range`.
    """

    name: str
    key: str
    values: tuple[str, ...]
    own: str | None = None
    when: tuple[str, tuple[str, ...]] | None = None

    def at(self, share: float) -> str:
        """The value at a share of the way through them, in [0, 1]."""
        return self.values[min(len(self.values) - 1, int(share * len(self.values)))]

    def spread(self, count: int) -> list[Any]:
        """All of the values, whatever the count."""
        del count
        return list(self.values)

    def suggest(self, trial: Asked) -> str:
        """The value that Optuna proposes."""
        return trial.suggest_categorical(self.name, self.values)

    def distribution(self) -> BaseDistribution:
        """The same, as Optuna has it."""
        return CategoricalDistribution(self.values)

    def holds(self, value: Any) -> bool:
        """Whether the value is one of them."""
        return value in self.values

    def narrowed(self, values: Sequence[Any], below: float, above: float) -> "Choice":
        """The choice among these values alone, in their order here."""
        del below, above
        return replace(self, values=tuple(value for value in self.values if value in values))

    def text(self, value: Any) -> str:
        """The value, as an edit of the recipe has it."""
        return str(value)

    def words(self) -> str:
        """The choice in a few words."""
        return f"{self.key or self.name} {' | '.join(self.values)}{_only(self.when)}"


Dimension = Range | Choice


@dataclass(frozen=True)
class Space:
    """Dimensions; a choice stands before what depends on it."""

    dimensions: tuple[Dimension, ...]

    def __iter__(self) -> Iterator[Dimension]:
        return iter(self.dimensions)

    def __len__(self) -> int:
        return len(self.dimensions)

    def asked(self, settings: Settings) -> list[Dimension]:
        """The dimensions that are asked for under these settings of the choices."""
        return [d for d in self if d.when is None or settings.get(d.when[0]) in d.when[1]]

    def suggest(self, trial: Asked) -> Settings:
        """Settings proposed by Optuna."""
        found: dict[str, Any] = {}
        for dimension in self:
            if dimension in self.asked(found):
                found[dimension.name] = dimension.suggest(trial)
        return found

    def at(self, shares: Sequence[float]) -> Settings:
        """The settings at a point of the unit cube, one share a dimension."""
        found: dict[str, Any] = {}
        for dimension, share in zip(self, shares, strict=True):
            if dimension in self.asked(found):
                found[dimension.name] = dimension.at(share)
        return found

    def grid(self, count: int) -> list[Settings]:
        """All settings with so many values of each range."""
        found: list[dict[str, Any]] = [{}]
        for dimension in self:
            grown = []
            for settings in found:
                asked = dimension in self.asked(settings)
                grown += [settings | {dimension.name: v} for v in dimension.spread(count)] if asked else [settings]
            found = grown
        return list(found)

    def edits(self, settings: Settings) -> tuple[str, ...]:
        """The edits of the recipe that make the settings, choices of a technique before what is set in it."""
        found: list[str] = []
        for dimension in self:
            value = settings.get(dimension.name)
            if value is not None and not (isinstance(dimension, Choice) and value == dimension.own):
                text = dimension.text(value)
                found += [f"{dimension.key}={text}"] if dimension.key else text.split()
        return tuple(sorted(found, key=lambda edit: edit.partition("=")[0].count(".")))

    def holds(self, settings: Settings) -> bool:
        """Whether the settings are one of this space."""
        asked = self.asked(settings)
        return {d.name for d in asked} == set(settings) and all(d.holds(settings[d.name]) for d in asked)

    def distributions(self, settings: Settings) -> dict[str, BaseDistribution]:
        """What Optuna is to know of the dimensions of these settings; a range is widened where a value lies outside."""
        found: dict[str, BaseDistribution] = {}
        for dimension in self:
            if dimension.name in settings:
                value = settings[dimension.name]
                if isinstance(dimension, Range) and not dimension.holds(value):
                    dimension = replace(dimension, low=min(value, dimension.low), high=max(value, dimension.high))
                found[dimension.name] = dimension.distribution()
        return found

    def recorded(self, settings: Settings) -> dict[str, Any]:
        """What Optuna can hold of settings that may lie outside: not a value that a choice, or a logarithm, lacks."""
        kept = {}
        for dimension in self:
            value = settings.get(dimension.name)
            if isinstance(dimension, Choice):
                possible = dimension.holds(value)
            else:
                possible = isinstance(value, int | float) and (value > 0 or not dimension.log)
            if possible:
                kept[dimension.name] = value
        return kept

    def narrowed(self, best: Sequence[Settings], below: float, above: float) -> "Space":
        """The part of the space about the best settings; dimensions with a single value left stay, as they are."""
        found: list[Dimension] = []
        for dimension in self:
            values = [settings[dimension.name] for settings in best if dimension.name in settings]
            values = [value for value in values if dimension.holds(value)]
            found.append(dimension.narrowed(values, below, above) if values else dimension)
        return Space(tuple(found))

    def words(self) -> str:
        """The space in a few words."""
        return "; ".join(dimension.words() for dimension in self)

    def json(self) -> list[dict[str, Any]]:
        """The space as plain data."""
        return [{"kind": type(dimension).__name__.lower(), **vars(dimension)} for dimension in self]

    @staticmethod
    def from_json(content: Iterable[Mapping[str, Any]]) -> "Space":
        """A space from `json`."""
        found: list[Dimension] = []
        for one in content:
            given = {name: value for name, value in one.items() if name != "kind"}
            if given["when"] is not None:
                given["when"] = (given["when"][0], tuple(given["when"][1]))
            found.append(
                Range(**given) if one["kind"] == "range" else Choice(**given | {"values": tuple(given["values"])})
            )
        return Space(tuple(found))

    def names(self) -> list[str]:
        """Names of the dimensions."""
        return [dimension.name for dimension in self]


def distinct(many: Iterable[Settings]) -> list[Settings]:
    """The settings without those that came before."""
    found: list[Settings] = []
    for settings in many:
        if not any(same(settings, other) for other in found):
            found.append(settings)
    return found


def same(first: Settings, second: Settings) -> bool:
    """Whether two settings are the same, to the digits that are written into an edit."""
    if first.keys() != second.keys():
        return False
    pairs = ((first[name], second[name]) for name in first)
    return all(a == b or (_is_number(a) and _is_number(b) and math.isclose(a, b, rel_tol=1e-5)) for a, b in pairs)


def product_size(space: Space, count: int) -> int:
    """Number of settings of a grid with so many values of each range, counted without making it where it is plain."""
    if all(d.when is None for d in space):
        return math.prod(len(d.spread(count)) for d in space)
    return len(space.grid(count))


def settings_near(space: Space, centre: Settings, factors: Mapping[str, Sequence[float]]) -> list[Settings]:
    """Settings about a centre: the value of each named range multiplied by each of its factors, within the range."""
    found: list[Settings] = []
    named = [d for d in space if isinstance(d, Range) and d.name in centre and d.name in factors]
    for values in itertools.product(*([centre[d.name] * f for f in factors[d.name]] for d in named)):
        changed = dict(centre) | {d.name: v for d, v in zip(named, values, strict=True)}
        if space.holds(changed):
            found.append(changed)
    return distinct(found)


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _only(when: tuple[str, tuple[str, ...]] | None) -> str:
    return f" (with {' or '.join(when[1])})" if when else ""
