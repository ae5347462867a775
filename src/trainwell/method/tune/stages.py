"""The stages of a search: what each of them tries, how long, and why, from what the one before found."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainwell.method.tune.budget import LEAST_SHARE, Deal
from trainwell.method.tune.ranges import RATE
from trainwell.method.tune.rank import ranked
from trainwell.search.space import Choice, Space, same, settings_near
from trainwell.search.study import Outcome, Proposal, Sweep

Epochs = Callable[[tuple[str, ...]], float]
_CARRIED_ON = 3  # settings that go on from one stage to the next
_AROUND = 2  # of them, about which the ranges are narrowed
_BELOW, _ABOVE = 4.0, 2.0  # ranges are narrowed to so many times below and above the best settings
_LOWER = (1 / 2.5,)  # a longer training wants a lower rate than the winner of a short one


def sweep_of(
    name: str,
    space: Space,
    first: Sequence[Proposal],
    count: int,
    *,
    share: float,
    seeds: Sequence[int],
    start: int,
    whole_steps: int,
    epochs: Epochs,
) -> Sweep:
    """A sweep of trainings of a share of the full length.

    Args:
        name: Of the stage.
        space: What is searched.
        first: What is tried first.
        count: Proposals in all.
        share: Of the full length; trainings of all of it are seen to their end.
        seeds: Of each proposal.
        start: Number of the first training.
        whole_steps: Steps of a full training.
        epochs: Edits -> epochs of a full training.
    """
    return Sweep(
        name=name,
        space=space,
        count=count,
        epochs=lambda edits: share * epochs(edits),
        steps=max(1, round(share * whole_steps)),
        least=max(1, math.ceil(LEAST_SHARE * whole_steps)),
        seeds=tuple(seeds),
        first=tuple(first),
        start=start,
        prunes=share < 1.0,
    )


def refinement(
    space: Space, outcomes: Sequence[Outcome], finish: Callable[[tuple[str, ...]], tuple[str, ...]], count: int
) -> tuple[Space, list[Proposal], str]:
    """The narrowed space, what is tried first in it, and why.

    The best settings go on, with the best one at a lower rate, since short trainings choose rates too high.
    """
    best = [outcome for outcome in ranked(outcomes) if outcome.state == "complete"][:_CARRIED_ON]
    carried = [outcome.proposal for outcome in best]
    narrow = space.narrowed([proposal.settings for proposal in carried[:_AROUND]], _BELOW, _ABOVE)
    lower: list[Proposal] = []
    if carried:
        rates = {d.name: _LOWER for d in space if d.key == RATE}
        near = settings_near(narrow, carried[0].settings, rates) if rates else []
        lower = [Proposal(settings, finish(space.edits(settings))) for settings in near]
        lower = [one for one in lower if not any(same(one.settings, other.settings) for other in carried)]
    first = [*carried[:1], *lower, *carried[1:]][:count]
    why = f"narrowed around the best {len(carried[:_AROUND])}: {narrow.words()}"
    return narrow, first, why


def finalists(own: Proposal, outcomes: Sequence[Outcome], dealt: Deal) -> list[Proposal]:
    """The recipe's own settings, and the best others.

    Args:
        own: The recipe's own settings.
        outcomes: Of the stages before, the longest trainings first: of settings that were trained twice the first
            counts.
        dealt: Number of finalists.
    """
    longest = {outcome.proposal.edits: outcome for outcome in reversed(outcomes)}
    best = [outcome.proposal for outcome in ranked(list(longest.values())) if outcome.state == "complete"]
    return [own, *(proposal for proposal in best if proposal.edits != own.edits)][: dealt.finalists]


def changes_space(changes: Sequence[str]) -> Space:
    """A space of edits that are tried as they are."""
    return Space((Choice(name="change", key="", values=tuple(changes)),))


def stage_line(sweep: Sweep, why: str, share: float) -> Mapping[str, Any]:
    """What a restart has to know of a stage, as the values of a record line."""
    first = [{"settings": dict(one.settings), "edits": list(one.edits)} for one in sweep.first]
    return {
        "name": sweep.name,
        "why": why,
        "space": sweep.space.json(),
        "count": sweep.count,
        "share": share,
        "seeds": list(sweep.seeds),
        "first": first,
        "start": sweep.start,
    }


def sweep_from(line: Mapping[str, Any], whole_steps: int, epochs: Epochs) -> Sweep:
    """The sweep of `stage_line`."""
    return sweep_of(
        line["name"],
        Space.from_json(line["space"]),
        [Proposal(one["settings"], tuple(one["edits"])) for one in line["first"]],
        line["count"],
        share=line["share"],
        seeds=line["seeds"],
        start=line["start"],
        whole_steps=whole_steps,
        epochs=epochs,
    )
