"""What is searched: learning rate by weight decay unless they are set, and whatever `space.` names; and what is tried
first, which are settings known to be good."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainwell.errors import BadValue, Refused
from trainwell.recipe import Recipe
from trainwell.search.space import Choice, Range, Settings, Space, same
from trainwell.search.spelled import Asked, bind, declared, text_in, value_of
from trainwell.search.study import Proposal

PROBE = "rate_interval"  # the test of rates by trainings of their own; that of the checks is a single ramp
RATE, DECAY = "optimizer.lr", "optimizer.weight_decay"
_RATE_BELOW, _RATE_ABOVE = 10.0, 5.0  # short trainings choose too high: there is more room below than above
_DECAY_BELOW, _DECAY_ABOVE = 30.0, 10.0
_FROM_DIVERGENCE = 1.5  # rates nearer than this to that of divergence are not tried
_MARGIN = 1.5  # times beyond what the test of rates found on either side
_NEIGHBOUR = 2.5  # times lower and higher: a rate of the recipe is seldom further off

Finish = Callable[[tuple[str, ...]], tuple[str, ...]]


def space_of(recipe: Recipe, asked: Sequence[Asked], pinned: Sequence[str], rate: Mapping[str, Any] | None) -> Space:
    """The space over a recipe.

    Args:
        recipe: The recipe of the study.
        asked: What the person named.
        pinned: What the person set, and so is not searched unless it was named too.
        rate: The record line of the rate range test; None where there was none.

    Raises:
        Refused: A range that this recipe cannot take.
        BadValue: Nothing is left to search.
    """
    named = {one.key for one in asked}
    values = next((one.values for one in asked if one.key == "optimizer"), ())
    recipes = [recipe, *(recipe.edit([f"optimizer={value}"]) for value in values)]
    usual = [
        Asked(key=key)
        for key in (RATE, DECAY)
        if key not in named and key not in pinned and any(declared(one, key) for one in recipes)
    ]
    if not [*asked, *usual]:
        raise BadValue(
            "Nothing is left to search: rate and weight decay are set, and no space.KEY=LOW..HIGH was given. Name what "
            "to search, or take 'trainwell fit'."
        )
    ranges = {RATE: rate_ends(float(value_of(recipe, RATE)), rate)}
    decay = value_of(recipe, DECAY)
    if decay:
        ranges[DECAY] = (decay / _DECAY_BELOW, decay * _DECAY_ABOVE)
    return bind([*asked, *usual], recipe, {key: (_short(low), _short(high)) for key, (low, high) in ranges.items()})


def rate_ends(own: float, rate: Mapping[str, Any] | None) -> tuple[float, float]:
    """The range of rates: about the recipe's own and about that of the range test, and below divergence."""
    if rate is not None and rate.get("probe") == PROBE:
        return min(rate["low"], own) / _MARGIN, max(rate["high"], own) * _MARGIN
    suggestion = (rate or {}).get("suggestion") or own
    low, high = min(own, suggestion) / _RATE_BELOW, max(own * _RATE_ABOVE, suggestion)
    diverges = (rate or {}).get("diverges")
    if diverges is not None:
        high = min(high, max(diverges / _FROM_DIVERGENCE, own * _FROM_DIVERGENCE))
    return low, high


def own_proposal(space: Space, recipe: Recipe) -> Proposal:
    """The recipe's own settings, which no edit makes."""
    return Proposal(_settings(space, recipe, {}), ())


def first_proposals(
    space: Space, recipe: Recipe, finish: Finish, most: int, suggested: float | None
) -> tuple[Proposal, ...]:
    """The recipe's own settings, every other technique with its defaults, and the recipe's at other rates.

    Args:
        space: What is searched.
        recipe: The recipe of the study.
        finish: Edits -> those that follow from them added.
        most: Number of them, at most.
        suggested: The rate that the test of rates suggests.
    """
    own = own_proposal(space, recipe)
    choices = [d for d in space if isinstance(d, Choice) and d.own is not None and d.when is None]
    others: list[Proposal] = []
    for choice in choices:
        for value in choice.values:
            if value == choice.own:
                continue
            edits = finish((f"{choice.key}={value}",))
            try:
                edited = recipe.edit(edits)
            except Refused:
                continue  # it needs more than its name: a network of one's own, a hyper-parameter without a default
            others.append(Proposal(_settings(space, edited, {choice.name: value}), edits))
    return (own, *others, *_other_rates(space, own, finish, suggested))[:most]


def _other_rates(space: Space, own: Proposal, finish: Finish, suggested: float | None) -> list[Proposal]:
    """The recipe's own settings at the suggested rate, at a lower one and a higher one, within the range of rates."""
    found = [own]
    for range_ in (d for d in space if d.key == RATE and isinstance(d, Range) and d.name in own.settings):
        rate = own.settings[range_.name]
        for near in (suggested, rate / _NEIGHBOUR, rate * _NEIGHBOUR):
            settings = {**own.settings, range_.name: near}
            if near and range_.holds(near) and not any(same(settings, other.settings) for other in found):
                found.append(Proposal(settings, finish((f"{RATE}={range_.text(near)}",))))
    return found[1:]


def _settings(space: Space, recipe: Recipe, chosen: Settings) -> Settings:
    """The values that a recipe has in the dimensions of a space."""
    found: dict[str, Any] = dict(chosen)
    for dimension in space:
        if dimension.name in found or dimension not in space.asked(found):
            continue
        value = value_of(recipe, dimension.key) if dimension.key else None
        if isinstance(dimension, Range) and isinstance(value, int | float):
            found[dimension.name] = value
        elif isinstance(dimension, Choice) and dimension.key:
            text = text_in(recipe, dimension.key, dimension.values)
            found |= {} if text is None else {dimension.name: text}
    return found


def _short(value: float) -> float:
    """Two digits are enough for an end."""
    return float(f"{value:.2g}") if math.isfinite(value) else value
