"""Slopes of activations, by autograd, at inputs they were given."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_SAMPLES = 32  # of a batch
_VALUES = 2**14  # of a layer, about: a share of 1 % is then known to 0.1 %
_GRID = 8.0  # within which every activation of torch has its largest slope, to 1 %
_POINTS = 257


def few(inputs: Tensor) -> Tensor:
    """A view of some samples of (N, C, ...), at some of their places."""
    inputs = inputs[:: math.ceil(len(inputs) / _SAMPLES)] if len(inputs) else inputs
    places = inputs.ndim - 2
    if places < 1 or inputs.numel() <= _VALUES:
        return inputs
    every = math.ceil((inputs.numel() / _VALUES) ** (1 / places))
    return inputs[(slice(None), slice(None), *[slice(None, None, every)] * places)]


def relative_slopes(
    function: Callable[[Tensor], Any], inputs: Tensor, module: nn.Module | None = None
) -> Tensor | None:
    """|f'| at the inputs over the largest |f'| there is, (M,) float32 in [0, 1]; None where f has no slope of its own.

    The largest is looked for at the inputs and on a grid from -8 to 8.

    Args:
        function: f, which acts on each number by itself; it may work in place.
        inputs: (N, C, ...), which f takes with any number of samples and places, or (N,).
        module: Whose forward f is: it is in evaluation meanwhile, since a slope that is drawn has its mean there.
    """
    inputs = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
    grid = torch.linspace(-_GRID, _GRID, _POINTS, device=inputs.device, dtype=inputs.dtype)
    grid = grid.view(-1, *[1] * (inputs.ndim - 1)).expand(-1, *inputs.shape[1:2], *[1] * (inputs.ndim - 2))
    training = module is not None and module.training
    try:
        if module is not None:
            module.training = False
        with torch.enable_grad():
            points = [values.clone().requires_grad_() for values in (inputs, grid)]
            results = [function(values.clone()) for values in points]
        if any(result.shape != values.shape for result, values in zip(results, points, strict=True)):
            return None
        slopes, others = torch.autograd.grad(results, points, [torch.ones_like(result) for result in results])
    except (RuntimeError, IndexError, TypeError, ValueError):
        return None  # it takes no single places, or nothing flows back
    finally:
        if module is not None:
            module.training = training
    slopes, others = slopes.float().abs().flatten(), others.float().abs().flatten()
    return slopes / torch.cat((slopes, others)).max().clamp_min(torch.finfo(torch.float32).tiny)
