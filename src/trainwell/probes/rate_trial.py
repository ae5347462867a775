"""A short training at one learning rate: whether the loss falls."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.probes.experiment import Batches, Forward, Loss, MakeOptimizer, experiment, set_rate
from trainwell.probes.result import Result

_FALL = 0.05  # share of the loss that it has to fall by; less is what a network that is stuck shows by chance


@dataclass(frozen=True, kw_only=True)
class RateTrial(Result):
    """Result of `rate_trial`.

    Args:
        lr: The highest rate tried.
        losses: Loss before each step.
        start: Mean loss of the last batches, a quarter of all, in the untrained network.
        end: Mean loss of the same batches when training came to them.
    """

    probe: ClassVar[str] = "rate_trial"

    lr: float
    losses: tuple[float, ...]
    start: float
    end: float


def rate_trial(
    model: nn.Module,
    loss: Loss,
    batches: Batches,
    make_optimizer: MakeOptimizer,
    *,
    rates: Sequence[float],
    forward: Forward | None = None,
    seed: int = 0,
) -> RateTrial:
    """Train a copy for a few steps and compare the last losses with those of the same batches without training.

    A range test raises the rate from step to step, which a network that a high rate first throws off and that then
    trains does not survive. Healthy is a loss that stays finite and ends at least 5 % lower, and by more than two
    standard errors of the difference.

    Args:
        model: Any module; a copy is trained.
        loss: (output, target) -> scalar.
        batches: step -> (x, y), batches of the size used in training.
        make_optimizer: (model, lr) -> Optimizer; a group with a `rate_scale` gets the rate times it.
        rates: Rate of each step, 8 or more.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws.

    Raises:
        BadValue: Fewer than 8 rates, or one that is not above 0; a batch that is no pair; a loss that is no scalar.
    """
    if len(rates) < 8 or not all(0 < lr < math.inf for lr in rates):
        raise BadValue(f"rates={list(rates)} is not possible: expected 8 or more, each above 0.")
    last = range(len(rates) - len(rates) // 4, len(rates))
    with experiment(model, loss, forward, seed) as trial, torch.no_grad():
        untrained = [trial.loss(batches(step), step)[0].item() for step in last]
    losses: list[float] = []
    with experiment(model, loss, forward, seed) as trial:
        optimizer = make_optimizer(trial.model, rates[0])
        for step, lr in enumerate(rates):
            set_rate(optimizer, lr)
            losses.append(trial.train(optimizer, batches(step), step)[0])
            if not math.isfinite(losses[-1]):
                break
    start = statistics.fmean(untrained)
    highest = max(rates)
    if not math.isfinite(losses[-1]):
        message = f"at rate {highest:.3g} the loss is no longer finite after {len(losses) - 1} steps"
        return RateTrial(
            ok=False,
            message=message,
            advice="Lower the rate.",
            lr=highest,
            losses=tuple(losses),
            start=start,
            end=math.nan,
        )
    falls = [before - losses[step] for before, step in zip(untrained, last, strict=True)]
    fall = statistics.fmean(falls)
    ok = fall > max(_FALL * abs(start), 2 * statistics.stdev(falls) / math.sqrt(len(falls)))
    message = f"{len(losses)} steps at rate {highest:.3g}: loss {start:.4g} -> {start - fall:.4g}"
    advice = "" if ok else "The loss does not fall at this rate: lower it."
    return RateTrial(
        ok=ok, message=message, advice=advice, lr=highest, losses=tuple(losses), start=start, end=start - fall
    )
