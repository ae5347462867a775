"""Warm-up: the rate rises from near 0 before any other schedule begins."""

from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.schedules import ramp, schedules


@schedules.add(
    "warmup",
    paper="https://arxiv.org/abs/1706.02677",
    tune={"fraction": (0.01, 0.2, "log")},
    limits={"fraction": "(0, 1)", "start": "[0, 1]"},
    parts={"then": schedules},
    needs_loss=False,
    own_warmup=True,
)
def warmup(progress: float, *, then: Part | str = "constant", fraction: float = 0.1, start: float = 0.01) -> float:
    """The rate rises on a straight line from near 0 to its peak, then another schedule begins.

    Definition: start + (1 - start) progress / fraction up to `fraction`; behind it the schedule `then`, whose progress
    is (progress - fraction) / (1 - fraction). It is the field `warmup` of a recipe as a schedule by itself. `start` is
    not 0 by default since the first step, at progress 0, would then move nothing.

    Reach for it when the peak is a rate at which the first steps diverge: with large batches, without norms, with Adam,
    whose first steps are the largest.

    Leave it when the peak is well below what diverges: it then spends steps and brings nothing.

    Cost: the steps that it takes, about half of which are lost; the fraction hardly needs tuning.

    Args:
        progress: In [0, 1].
        then: One of `schedules`, which neither goes by the losses nor has a rise of its own.
        fraction: Share of the run in which the rate rises.
        start: Multiplier at the start.

    Returns:
        In [0, 1].

    Raises:
        BadValue: `then` goes by the losses or has a rise of its own.

    Reference:
        Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2.
    """
    part = schedules.part(then)
    _refuse(part.name)
    if progress < fraction:
        return ramp(progress, fraction, start)
    left = round((progress - fraction) / (1.0 - fraction), 12)  # a step on a cut is not to miss it by a last digit
    return float(schedules.build(part, left))


def _refuse(name: str) -> None:
    needs_loss, own_warmup = (schedules[name].facts.get(fact) for fact in ("needs_loss", "own_warmup"))
    if needs_loss or own_warmup:
        why = "has a rise of its own" if own_warmup else "goes by the losses"
        raise BadValue(
            f"warmup.then={name} is not possible: it {why}. "
            "Choose it alone, or another behind the warm-up; warmup_hold_plateau is a warm-up in front of plateau."
        )
