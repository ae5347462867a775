"""Schedules: how the learning rate goes over the training.

A member takes the progress of the training and gives what the learning rate is multiplied by::

    (progress: float, *, ...) -> float      # progress in [0, 1]; 1 is after the last step

Warm-up goes in front of any of them, see `multipliers`.

Facts of a member:
    needs_loss: Whether it goes by the loss and not by the progress.
"""

from collections.abc import Mapping
from typing import Any

from trainwell.errors import BadValue
from trainwell.family import Family, Part

schedules = Family("schedules", __name__, "schedule")


def multipliers(
    part: Part | str | Mapping[str, Any], steps: int, warmup_fraction: float = 0.0, start: float = 0.0
) -> list[float]:
    """The multiplier of each step: a linear warm-up to 1, then the schedule over the steps that are left.

    Of the w = round(warmup_fraction * steps) steps of warm-up the first has the multiplier `start`, or 1 / w where that
    is 0 (a rate of 0 would waste a step), and the last has 1. Of the n steps behind them step i is at progress i / n.

    Args:
        part: One of `schedules`.
        steps: Number of steps, at least 1.
        warmup_fraction: Share of the steps that warm up, in [0, 1].
        start: Multiplier at the first step of the warm-up, in [0, 1].

    Returns:
        One multiplier a step.

    Raises:
        BadValue: A number is outside what is possible.
    """
    if steps < 1:
        raise BadValue(f"A schedule needs at least one step, got {steps}.")
    for name, value in (("warmup_fraction", warmup_fraction), ("start", start)):
        if not 0.0 <= value <= 1.0:
            raise BadValue(f"{name}={value!r} is not possible: expected a value in [0, 1].")
    schedule = schedules.bind(part)
    warmup = round(warmup_fraction * steps)
    first = start or 1.0 / max(1, warmup)
    rising = [first + (1.0 - first) * step / max(1, warmup - 1) for step in range(warmup)]
    left = steps - warmup
    return rising + [float(schedule(step / left)) for step in range(left)]
