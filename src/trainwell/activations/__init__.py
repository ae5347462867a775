"""Activations: what stands between two layers and bends.

A member takes its hyper-parameters and gives a module::

    (*, ...) -> nn.Module          # (any shape) -> (the same shape)

The module may hold parameters and may know training from evaluation; one that draws has the attributes `draws` and
`layer` (see `trainwell.dropouts.attach`). No member works in place.

Facts of a member, with its default hyper-parameters, as it starts and in evaluation. `trainwell.probes.activation`
computes those of a function of one number from the function itself, and a test holds them against what is stated:
    range: Nearest bounds of its outputs, (low, high), reached or not; `inf` where there is none.
    zero_centred: Whether the mean output for a standard normal input is 0.
    saturates: Where its slope goes to 0 far from 0: `never`, `below`, `above` or `both`.
    smooth: Whether its slope is continuous at 0.
    monotone: Whether it never falls.
    convex: Whether its slope never falls.
    uses_exp: Whether it needs an exponential or the like (erf, log, sine) rather than products and comparisons alone.
    gain: Factor on weights of variance 1 / fan_in under which the spread of the signal is kept.
    gain_rule: What the gain is: `second_moment`, 1 / sqrt(E f(Z)^2) for a standard normal Z, which hands the next layer
        the second moment that this one was given (and the variance, where it is zero-centred); `slope`, the reciprocal
        of its largest slope, which keeps small signals and gradients; or `convention`, said in the docstring.
        `second_moment` if absent.
    initializer: Id of the initializer that it wants.
    elementwise: Whether each output depends on one input; True if absent.
    width_factor: Inputs per output: a whole number, or the name of the hyper-parameter that says it; 1 if absent.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from trainwell.family import Family, Part

activations = Family("activations", __name__, "activation")

_REACH = 12.0  # beyond 12 standard deviations a normal draw has a probability of 4e-33
_STEP = 1e-4  # the sum over such a grid is exact to 1e-7, kinks included
_POINTS = 2**16  # of a low-discrepancy set, for functions of several numbers: exact to 1e-3


def width_factor(activation: Part | str | Mapping[str, Any]) -> int:
    """How many inputs the activation needs for one output: 1 but for pieces such as maxout."""
    part = activations.resolve(activation)
    factor = activations[part.name].facts.get("width_factor", 1)
    return int(part.args[factor] if isinstance(factor, str) else factor)


def gain_of(activation: Part | str | Mapping[str, Any]) -> float | None:
    """Gain of an activation with the hyper-parameters it has; None where one from outside the package states none.

    With its defaults it is the stated one. With others it is computed anew where it follows from the second moment.
    """
    part = activations.resolve(activation)
    facts = activations[part.name].facts
    stated = facts.get("gain")
    if stated is None:
        return None
    if part == activations.resolve(part.name) or facts.get("gain_rule", "second_moment") != "second_moment":
        return float(stated)
    return second_moment(activations.build(part), width_factor(part)) ** -0.5


def is_rectifier(activation: Part | str | Mapping[str, Any]) -> bool:
    """Whether the activation is of ReLU's kind, for which He's rule is made: what says nothing is taken for one."""
    name = activations.part(activation).name
    return str(activations[name].facts.get("initializer", "he_normal")).startswith("he_")


@torch.no_grad()
def second_moment(module: nn.Module, width: int = 1) -> float:
    """E f(Z)^2 for independent standard normal inputs Z, in evaluation.

    Args:
        module: (N, width) -> (N, 1).
        width: Inputs per output.
    """
    function = module.double().eval()
    if width == 1:
        grid = torch.arange(-_REACH, _REACH, _STEP, dtype=torch.float64)
        density = torch.exp(-grid.square() / 2) * (_STEP / math.sqrt(2 * math.pi))
        return float((function(grid[:, None]).squeeze(1).square() * density).sum())
    points = torch.quasirandom.SobolEngine(width)
    points.fast_forward(1)  # the first one is 0, which no normal draw corresponds to
    normal = torch.special.ndtri(points.draw(_POINTS, dtype=torch.float64))
    return float(function(normal).square().mean())
