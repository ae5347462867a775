"""Schedules: how the learning rate goes over the training.

A member takes the progress of the training and gives what the learning rate is multiplied by::

    (progress: float, *, ...) -> float      # progress in [0, 1], 1 is after the last step; the multiplier in [0, 1]

One with the fact `needs_loss` takes the monitored losses too, one at the end of each epoch so far, the oldest first::

    (progress: float, losses: Sequence[float], *, ...) -> float

All are pure functions: what comes out depends on what goes in and on nothing else, so that a resumed run goes on with
the same rates. Warm-up goes in front of any of them but those that have their own, see `multipliers` and `warmup`.

Facts of a member:
    needs_loss: Whether it goes by the losses.
    own_warmup: Whether it begins with a rise of its own, so that none goes in front of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from trainwell.errors import BadValue
from trainwell.family import Family, Part, check_value

schedules = Family("schedules", __name__, "schedule")


def ramp(position: float, length: float, first: float) -> float:
    """The multiplier while warming up: on a straight line from `first` at position 0 to 1 at `length`."""
    return first + (1.0 - first) * position / length


def half_cosine(first: float, last: float, share: float) -> float:
    """From `first` at share 0 to `last` at share 1: slowly, then fast, then slowly."""
    return last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * share))


def multipliers(
    part: Part | str | Mapping[str, Any], steps: int, warmup_fraction: float = 0.0, start: float = 0.0
) -> list[float]:
    """The multiplier of each step: a linear warm-up to 1, then the schedule over the steps that are left.

    Of the w = round(warmup_fraction * steps) steps of warm-up the first has the multiplier `start`, or 1 / w where that
    is 0 (a rate of 0 would waste a step), and the last has 1. Of the n steps behind them step i is at progress i / n.
    What goes by the losses has 1 there, and is multiplied by its `reaction` while training.

    Args:
        part: One of `schedules`.
        steps: Number of steps, at least 1.
        warmup_fraction: Share of the steps that warm up, in [0, 1].
        start: Multiplier at the first step of the warm-up, in [0, 1].

    Returns:
        One multiplier a step.

    Raises:
        BadValue: A number is outside what is possible, or a warm-up is asked for in front of a schedule that has one.
    """
    if steps < 1:
        raise BadValue(f"A schedule needs at least one step, got {steps}.")
    for name, value in (("warmup_fraction", warmup_fraction), ("start", start)):
        check_value(name, value, float, "[0, 1]")
    part = schedules.part(part)
    facts = schedules[part.name].facts
    if warmup_fraction and facts.get("own_warmup"):
        raise BadValue(
            f"The schedule {part.name} warms up by itself, and a warm-up of {warmup_fraction} of the steps is to go in "
            "front of it. Set warmup=0, or choose a schedule without a rise of its own."
        )
    warmup = round(warmup_fraction * steps)
    first = start or 1.0 / max(1, warmup)
    rising = [ramp(step, max(1, warmup - 1), first) for step in range(warmup)]
    left = steps - warmup
    if facts.get("needs_loss"):
        return rising + [1.0] * left
    schedule = schedules.bind(part)
    return rising + [float(schedule(step / left)) for step in range(left)]


def reaction(part: Part | str | Mapping[str, Any]) -> Callable[[float, Sequence[float]], float] | None:
    """What a schedule that goes by the losses multiplies the rate by: progress, losses -> multiplier, in microseconds.

    None for all others, which `multipliers` has worked out beforehand.
    """
    part = schedules.part(part)
    return schedules.bind(part) if schedules[part.name].facts.get("needs_loss") else None


def scaled_rate(rate: float, batch: int, reference_batch: int, rule: Literal["linear", "sqrt"]) -> float:
    """The learning rate for another batch size: a larger batch bears a larger rate, up to a point.

    `linear` keeps the length of the way that the weights go in an epoch, which suits SGD until the batch is some
    thousands; `sqrt` keeps the noise of one step, and is what theory has for Adam.

    Args:
        rate: Rate that is right for the reference batch.
        batch: Samples a step.
        reference_batch: Samples a step for which `rate` is right.
        rule: `linear` multiplies by batch / reference_batch, `sqrt` by its square root.

    Returns:
        The rate for `batch`.

    Raises:
        BadValue: A rate that is not above 0, a batch below 1, or another rule.

    Reference:
        Linear: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.1. Square
        root: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, section 5; Malladi
        et al., "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", 2022.
    """
    check_value("rate", rate, float, "(0, inf)")
    check_value("batch", batch, int, "[1, inf)")
    check_value("reference_batch", reference_batch, int, "[1, inf)")
    check_value("rule", rule, Literal["linear", "sqrt"])
    ratio = batch / reference_batch
    return rate * (ratio if rule == "linear" else math.sqrt(ratio))
