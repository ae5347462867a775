"""Learning-rate range test: raise the rate step by step and watch the loss fall, and then diverge."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.probes.experiment import Batch, Batches, Forward, Loss, MakeOptimizer, experiment, set_rate
from trainwell.probes.result import Result

_START_STEPS = 8  # steps whose mean is the loss before anything happened
_SETTLED = 4  # from here on an average is of enough batches to be read


@dataclass(frozen=True, kw_only=True)
class RateRange(Result):
    """Result of `rate_range`; a rate is None where nothing of the kind was seen.

    Args:
        low: From here the loss falls fast.
        high: Up to here it does not rise again.
        suggestion: Centre for a search: a tenth of the rate at which the loss is lowest. No truth.
        diverges: From here the loss only rises.
        rates: The rates tried, in the first repeat.
        losses: Loss before the step with each rate.
        smoothed: The same, smoothed; where batches differ so much that it hides the fall, only the change that training
            made to the loss of each batch.
    """

    probe: ClassVar[str] = "rate_range"

    low: float | None
    high: float | None
    suggestion: float | None
    diverges: float | None
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]


@dataclass(frozen=True)
class _Curve:
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    start: float
    noise: float
    stopped: bool

    @property
    def gain(self) -> float:
        """How far the loss fell; the first averages, of few batches, are left aside."""
        return self.start - min((v for v in self.smoothed[_SETTLED:] if math.isfinite(v)), default=self.start)


@dataclass(frozen=True)
class _Reading:
    low: float | None = None
    high: float | None = None
    lowest: float | None = None
    diverges: float | None = None


def rate_range(
    model: nn.Module,
    loss: Loss,
    batches: Batches,
    make_optimizer: MakeOptimizer,
    *,
    low: float = 1e-5,
    high: float = 10.0,
    steps_per_decade: int = 15,
    smoothing: float = 0.8,
    repeats: int = 1,
    forward: Forward | None = None,
    seed: int = 0,
) -> RateRange:
    """Train a copy with a rate that grows from `low` to `high`, a little each step, and read the loss.

    Stops when the smoothed loss is not finite, or has risen above its start by as much as it had fallen below it (at
    least doubled). The interval reaches from where the loss falls at half its steepest slope against log rate (or from
    `suggestion`, if that is lower) to where it has given back a tenth of what it gained. It tells the order of
    magnitude: the test is shorter than a training, so rates below the interval may do well when given more steps.

    Args:
        model: Any module; a copy is trained.
        loss: (output, target) -> scalar.
        batches: step -> (x, y), batches of the size used in training.
        make_optimizer: (model, lr) -> Optimizer; a group with a `rate_scale` gets the rate times it.
        low: First rate.
        high: Last rate.
        steps_per_decade: Steps from a rate to ten times it, 5 or more. The more, the lower the rates found.
        smoothing: Share of the past in the bias-corrected exponential average, [0, 1).
        repeats: Runs on other batches and draws, of which the medians are taken.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws in the first repeat.

    Raises:
        BadValue: Not 0 < low < high, too few steps, no repeats, a smoothing outside [0, 1), a batch that is no pair, or
            a loss that is no scalar.

    Reference:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3.
    """
    if not 0 < low < high < math.inf:
        raise BadValue(f"low={low!r}, high={high!r} is not possible: expected 0 < low < high.")
    if steps_per_decade < 5 or repeats < 1 or not 0 <= smoothing < 1:
        raise BadValue(
            f"steps_per_decade={steps_per_decade}, repeats={repeats}, smoothing={smoothing} is not possible: "
            "expected at least 5, at least 1, and a share in [0, 1)."
        )
    if not any(p.requires_grad for p in model.parameters()):
        return _nothing("no parameter is trainable", "Set requires_grad on what is to be trained.")
    rates = np.geomspace(low, high, math.ceil(math.log10(high / low) * steps_per_decade) + 1).tolist()
    curves = [
        _run(model, loss, batches, make_optimizer, rates, smoothing, repeat, forward, seed) for repeat in range(repeats)
    ]
    if not math.isfinite(curves[0].losses[0]):
        return _nothing(
            f"the loss is {curves[0].losses[0]} before the first step",
            "Look at the inputs, the initialisation and the loss; no rate helps.",
            curves[0],
        )
    readings = [_read(curve, steps_per_decade) for curve in curves]
    fell = [reading for reading in readings if reading.lowest is not None]
    diverges = _median(reading.diverges for reading in readings)
    if 2 * len(fell) <= repeats:
        return _never_falls(curves[0], diverges)
    suggestion = _median(r.lowest for r in fell) / 10
    found_low = min(_median(r.low for r in fell), suggestion)
    found_high = _median(r.high for r in fell)
    end = f"does not diverge up to {high:.2g}" if diverges is None else f"diverges from {diverges:.2g}"
    return RateRange(
        ok=True,
        message=f"loss falls with rates from {found_low:.2g} to {found_high:.2g}, {end}; centre {suggestion:.2g}",
        low=found_low,
        high=found_high,
        suggestion=suggestion,
        diverges=diverges,
        rates=curves[0].rates,
        losses=curves[0].losses,
        smoothed=curves[0].smoothed,
    )


def _run(
    model: nn.Module,
    loss: Loss,
    batches: Batches,
    make_optimizer: MakeOptimizer,
    rates: list[float],
    smoothing: float,
    repeat: int,
    forward: Forward | None,
    seed: int,
) -> _Curve:
    def batch(step: int) -> Batch:
        return batches(repeat * len(rates) + step)

    losses: list[float] = []
    stopped = False
    with experiment(model, loss, forward, seed + repeat) as trial:
        optimizer = make_optimizer(trial.model, rates[0])
        average = _Average(smoothing)
        smoothed: list[float] = []
        for step, lr in enumerate(rates):
            set_rate(optimizer, lr)
            losses.append(trial.train(optimizer, batch(step), step)[0])
            smoothed.append(average.add(losses[-1]))
            stopped = _has_diverged(losses, smoothed)
            if stopped:
                break
    tried = tuple(rates[: len(losses)])
    start = statistics.fmean(losses[:_START_STEPS])
    curve = _Curve(tried, tuple(losses), tuple(smoothed), start, _noise(losses), stopped)
    if len(losses) <= _START_STEPS or curve.gain > 4 * curve.noise:
        return curve
    # The batches differ too much to see the fall: take the same batches, with the same draws, without training.
    with experiment(model, loss, forward, seed + repeat) as trial, torch.no_grad():
        untrained = [trial.loss(batch(step), step)[0].item() for step in range(len(losses))]
    changes = [after - before for after, before in zip(losses, untrained, strict=True)]
    start = statistics.fmean(untrained)
    average = _Average(smoothing)
    smoothed = [start + average.add(change) for change in changes]
    return _Curve(tried, tuple(losses), tuple(smoothed), start, _noise(changes), stopped)


class _Average:
    """Exponential average, corrected for its start from zero."""

    def __init__(self, smoothing: float) -> None:
        self._smoothing = smoothing
        self._sum = 0.0
        self._weight = 0.0

    def add(self, value: float) -> float:
        """The average with one more value."""
        self._sum = self._smoothing * self._sum + value
        self._weight = self._smoothing * self._weight + 1
        return self._sum / self._weight


def _noise(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    # The median of |a - b| for two draws of a normal distribution is 0.954 standard deviations.
    return float(np.median(np.abs(np.diff(finite)))) / 0.954 if len(finite) > 1 else 0.0


def _has_diverged(losses: list[float], smoothed: list[float]) -> bool:
    if not math.isfinite(losses[-1]):
        return True
    start = statistics.fmean(losses[:_START_STEPS])
    # Before the start is known only an explosion counts.
    if len(losses) <= _START_STEPS:
        return smoothed[-1] > losses[0] + 10 * abs(losses[0])
    return smoothed[-1] > start + max(start - min(smoothed), abs(start))


def _read(curve: _Curve, steps_per_decade: int) -> _Reading:
    losses, smoothed = (np.nan_to_num(v, nan=np.inf, posinf=np.inf) for v in (curve.losses, curve.smoothed))
    gain = curve.gain
    # The lowest of a hundred averages of pure noise lies two standard deviations under the start once in 100 runs.
    if len(losses) <= _START_STEPS or not gain > max(0.05 * abs(curve.start), 2 * curve.noise):
        return _Reading(diverges=curve.rates[_onset(losses, len(losses) - 1)] if curve.stopped else None)
    bottom = _SETTLED + int(np.argmin(smoothed[_SETTLED:]))
    lost = _first(smoothed[bottom:] > smoothed[bottom] + 0.5 * gain)
    rising = None if lost is None else _onset(losses, bottom + lost)
    back = _first(smoothed[bottom:] > smoothed[bottom] + 0.1 * gain)
    top = len(losses) - 1 if back is None else bottom + max(back - 1, 0)
    if rising is not None:
        # The average lags: it may still fall when the loss itself has turned.
        bottom, top = min(bottom, rising), min(top, rising)
    # Central differences over a fifth of a decade to both sides.
    width = steps_per_decade // 5
    first = min(_SETTLED, bottom)
    slopes = [smoothed[min(i + width, bottom)] - smoothed[max(i - width, 0)] for i in range(first, bottom + 1)]
    steepest = int(np.argmin(slopes))
    begin = steepest
    while begin > 0 and slopes[begin - 1] <= 0.5 * slopes[steepest]:
        begin -= 1
    return _Reading(
        low=curve.rates[first + begin],
        high=curve.rates[top],
        lowest=curve.rates[bottom],
        diverges=None if rising is None else curve.rates[rising],
    )


def _onset(losses: Any, index: int) -> int:
    """Where the rise that leads up to `index` begins, single outliers left aside."""
    padded = np.concatenate([losses[:1], losses, [np.inf]])
    middle = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    while index > 0 and middle[index - 1] < middle[index]:
        index -= 1
    return index


def _first(where: Any) -> int | None:
    return int(np.argmax(where)) if where.any() else None


def _median(values: Iterable[float | None]) -> Any:
    logs = [math.log(value) for value in values if value is not None]
    return math.exp(statistics.median(logs)) if logs else None


def _never_falls(curve: _Curve, diverges: float | None) -> RateRange:
    tried = f"rates from {curve.rates[0]:.2g} to {curve.rates[-1]:.2g}"
    if diverges is not None:
        return _nothing(
            f"loss never falls with {tried}, and diverges from {diverges:.2g}",
            "Start the test at lower rates. If it diverges at every rate: look at the scale of inputs and targets, the "
            "initialisation, and whether the optimizer goes down the gradient.",
            curve,
            diverges,
        )
    return _nothing(
        f"loss stays at {statistics.fmean(curve.losses):.4g} with {tried}",
        "No rate lowers the loss: the gradients do not reach the weights (initialisation, saturated or dead units, "
        "detached or frozen layers), the model is already as good as it gets, or batches are too noisy: enlarge them.",
        curve,
    )


def _nothing(seen: str, advice: str, curve: _Curve | None = None, diverges: float | None = None) -> RateRange:
    return RateRange(
        ok=False,
        message=seen,
        advice=advice,
        low=None,
        high=None,
        suggestion=None,
        diverges=diverges,
        rates=curve.rates if curve else (),
        losses=curve.losses if curve else (),
        smoothed=curve.smoothed if curve else (),
    )
