"""The rules of other programs that read a rate off a ramp, written anew from fastai's definitions.

fastai's `lr_find` takes 100 steps with rates from 1e-7 to 10, evenly on a log scale, and records an exponential average
of the loss; it stops once that is four times its lowest. The rules see it without its first tenth and its last 5 steps.
"""

import math
from collections.abc import Callable

import numpy as np

from rates.training import ENGINE
from trainwell.probes.experiment import set_rate
from trainwell.probes.rate_range import rate_range
from trainwell.training.engine import running
from trainwell.training.setup import Setup

_FIRST, _LAST, _STEPS = 1e-7, 10.0, 100
_BETA = 0.98  # of the average
_EXPLODED = 4.0  # times the lowest average
_HIDDEN = 5  # steps at the end that the rules do not see

Rule = Callable[[np.ndarray, np.ndarray], float]


def ramp(setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Rates and averaged losses of the ramp as the rules see them; the network of the setup is used up."""
    model = ENGINE.place(setup.model).train()
    optimizer = setup.optimizer(model, _FIRST)
    rates = _FIRST * (_LAST / _FIRST) ** (np.arange(_STEPS) / _STEPS)
    losses: list[float] = []
    total, lowest = 0.0, math.inf
    with running(ENGINE):
        for step, rate in enumerate(rates):
            set_rate(optimizer, float(rate))
            optimizer.zero_grad()
            x, y = setup.feeds["train"].batch(step)
            loss = setup.loss(ENGINE.forward(model, x), y)
            loss.backward()
            optimizer.step()
            total = _BETA * total + (1 - _BETA) * loss.item()
            losses.append(total / (1 - _BETA ** (step + 1)))
            lowest = min(lowest, losses[-1])
            if math.isnan(losses[-1]):
                losses += [math.nan] * (_STEPS - len(losses))  # fastai goes on, and sees nothing but NaN
                break
            if losses[-1] > _EXPLODED * lowest:
                break
    seen = slice(_STEPS // 10, len(losses) - _HIDDEN)
    rates, averaged = rates[: len(losses)][seen], np.array(losses)[seen]
    finite = int(np.argmax(np.isnan(averaged))) if np.isnan(averaged).any() else len(averaged)
    return rates[:finite], averaged[:finite]


def steep(rates: np.ndarray, losses: np.ndarray) -> float:
    """Where the loss falls fastest against the log of the rate."""
    return float(rates[np.argmin(np.diff(losses) / np.diff(np.log(rates)))])


def minimum(rates: np.ndarray, losses: np.ndarray) -> float:
    """A tenth of the rate at which the loss is lowest."""
    return float(rates[np.argmin(losses)]) / 10


def valley(rates: np.ndarray, losses: np.ndarray) -> float:
    """In the middle of the longest valley: half way through, where that is the longest falling subsequence."""
    lengths = np.ones(len(losses), dtype=int)
    end = start = 0
    for i in range(1, len(losses)):
        lower = losses[:i] > losses[i]
        if lower.any():
            lengths[i] = lengths[:i][lower].max() + 1
        if lengths[i] > lengths[end]:
            end, start = i, i - int(lengths[i])
    third = (end - start) / 3
    return float(rates[start + int(third) + int(third / 2)])


def slide(rates: np.ndarray, losses: np.ndarray, *, width: int = 15, threshold: float = 0.005) -> float:
    """Slide an interval down from the highest rate until the slope is about the same at both of its ends."""
    slopes = np.gradient(losses)
    right = len(losses) - 1
    left = max(0, right - width)
    found = rates[left]
    while left >= 0 and abs(slopes[right] - slopes[left]) > threshold:
        found = rates[left]
        left, right = left - 1, right - 1
    return float(found)


RULES: dict[str, Rule] = {"steep": steep, "valley": valley, "slide": slide, "minimum": minimum}


def ramp_minimum(setup: Setup) -> float:
    """`minimum/10` on the ramp of `trainwell check`: 15 steps a decade from 1e-5 to 10; the recipe's rate where it is
    flat or never falls."""
    feed = setup.feeds["train"]
    with running(ENGINE):
        found = rate_range(setup.model, setup.loss, feed.clean, setup.optimizer, seed=setup.recipe.seed)
    return setup.rate if found.suggestion is None else found.suggestion
