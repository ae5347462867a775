"""What an activation is like, computed from the function itself."""

import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.activations import activations, second_moment
from trainwell.errors import BadValue
from trainwell.family import Part

_PER_UNIT = 1000  # points of the grid in an interval of 1
_REACH = 12  # what saturates at all has a slope under 1e-3 from there on
_FAR = 1e4  # where limits are read off: what still grows there grows for ever
_FLAT = 0.01  # slope that counts as 0 at the ends, and growth between _FAR and twice as far
_ROUNDING = 1e-9  # by which values and slopes computed in float64 may be off
_CENTRED = 0.02  # mean that counts as 0, in standard deviations of the input
_VALUES = 2**16  # of one turn of the timing: they fit into the cache, so that arithmetic is timed and not memory


@dataclass(frozen=True, kw_only=True)
class ActivationFacts:
    """What `activation_facts` computes.

    Args:
        range: Nearest bounds of the outputs, (low, high).
        zero_centred: Whether the mean output for a standard normal input is 0.
        mean: Mean output for a standard normal input.
        saturates: Where the slope goes to 0 far from 0: `never`, `below`, `above` or `both`.
        smooth: Whether the slope is continuous at 0.
        monotone: Whether the function never falls.
        convex: Whether its slope never falls.
        uses_exp: Whether it is no polynomial between its kinks, and so needs an exponential or the like.
        steepest: Largest slope.
        steepest_at: Where that is; the point nearest to 0 where there are several.
        gain: Factor on weights of variance 1 / fan_in that keeps the second moment of the signal, 1 / sqrt(E f(Z)^2)
            for a standard normal Z. For a zero-centred function that is the variance.
        cost: Time of a forward pass over that of ReLU on the same values; None unless asked for.
    """

    range: tuple[float, float]
    zero_centred: bool
    mean: float
    saturates: str
    smooth: bool
    monotone: bool
    convex: bool
    uses_exp: bool
    steepest: float
    steepest_at: float
    gain: float
    cost: float | None = None


def activation_facts(activation: Part | str | Mapping[str, Any], *, measure_cost: bool = False) -> ActivationFacts:
    """Compute what an activation is like, in float64 and in evaluation.

    Args:
        activation: One of `activations`, a function of one number.
        measure_cost: Whether to time it against ReLU: takes some hundredths of a second, on one thread or all.

    Raises:
        BadValue: The activation is no function of one number.
    """
    function = _function(activation)
    x = torch.arange(-_REACH * _PER_UNIT, _REACH * _PER_UNIT + 1, dtype=torch.float64) / _PER_UNIT
    y, slope = _with_slope(function, x)
    density = torch.exp(-x.square() / 2) * (1 / (_PER_UNIT * math.sqrt(2 * math.pi)))
    mean = float((y * density).sum())
    flat_below, flat_above = abs(float(slope[0])) < _FLAT, abs(float(slope[-1])) < _FLAT
    ends = {(False, False): "never", (True, False): "below", (False, True): "above", (True, True): "both"}
    beside = _with_slope(function, torch.tensor([-_ROUNDING, _ROUNDING], dtype=torch.float64))[1]
    steepest = float(slope.max())
    highest = x[slope >= steepest - _ROUNDING]
    return ActivationFacts(
        range=_range(function, y),
        zero_centred=abs(mean) < _CENTRED,
        mean=mean,
        saturates=ends[flat_below, flat_above],
        smooth=abs(float(beside[1] - beside[0])) < 1e3 * _ROUNDING,
        monotone=bool((y.diff() >= -_ROUNDING).all()),
        convex=bool((slope.diff() >= -_ROUNDING).all()),
        uses_exp=_uses_exp(slope),
        steepest=steepest,
        steepest_at=float(highest[highest.abs().argmin()]),
        gain=second_moment(function) ** -0.5,
        cost=relative_cost(activation) if measure_cost else None,
    )


def curve(
    activation: Part | str | Mapping[str, Any], points: int = 121, *, reach: float = 5.0
) -> tuple[Tensor, Tensor, Tensor]:
    """The function and its derivative, for a plot.

    Args:
        activation: One of `activations`, a function of one number; in evaluation.
        points: How many points, 2 or more.
        reach: The points go from -reach to reach.

    Returns:
        x, f(x) and f'(x), each (points,) float64.

    Raises:
        BadValue: The activation is no function of one number, or there are too few points.
    """
    if points < 2 or not 0.0 < reach < math.inf:
        raise BadValue(f"A curve needs 2 points or more and a finite reach above 0, got {points} and {reach}.")
    x = torch.linspace(-reach, reach, points, dtype=torch.float64)
    return x, *_with_slope(_function(activation), x)


@torch.no_grad()
def relative_cost(activation: Part | str | Mapping[str, Any], *, turns: int = 101) -> float:
    """Time of a forward pass of 65,536 float32 values over that of ReLU: the median over turns of the ratio.

    Both are timed in every turn, so that what else the machine does falls on both alike.

    Args:
        activation: One of `activations`.
        turns: Number of turns.
    """
    _function(activation)
    measured, relu = activations.build(activation).eval(), nn.ReLU()
    values = torch.randn(_VALUES, generator=torch.Generator().manual_seed(0))
    ratios = []
    for _ in range(turns):
        start = time.perf_counter()
        relu(values)
        between = time.perf_counter()
        measured(values)
        ratios.append((time.perf_counter() - between) / (between - start))
    return statistics.median(ratios)


def _function(activation: Part | str | Mapping[str, Any]) -> nn.Module:
    part = activations.part(activation)
    if not activations[part.name].facts.get("elementwise", True):
        raise BadValue(f"{part.name} is a function of several numbers: it has no curve, and its facts are as stated.")
    module: nn.Module = activations.build(part)
    return module.double().eval()


def _with_slope(function: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        inputs = x.clone().requires_grad_()
        y = function(inputs)
        slope = torch.autograd.grad(y.sum(), inputs)[0]
    return y.detach(), slope


@torch.no_grad()
def _range(function: nn.Module, y: Tensor) -> tuple[float, float]:
    """Bounds of the values on the grid and of the limits on both sides."""
    below, above = (function(side * torch.tensor([1.0, 2.0], dtype=torch.float64) * _FAR) for side in (-1.0, 1.0))
    seen = torch.cat((y, below, above))
    grows = [float(end[1] - end[0]) for end in (below, above)]
    low = -math.inf if min(grows) < -_FLAT else float(seen.min())
    high = math.inf if max(grows) > _FLAT else float(seen.max())
    return low, high


def _uses_exp(slope: Tensor) -> bool:
    """Whether the slope is no straight line between kinks: its second difference is 0 at few points only, if at all."""
    middle = slope[len(slope) // 3 : 2 * len(slope) // 3]  # within 4 of 0: farther out what saturates is flat
    bends = middle.diff().diff().abs() > 1e-3 * _ROUNDING
    return bool(bends.double().mean() > 0.5)
