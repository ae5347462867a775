"""Optimizers on functions of a few numbers: the walk, step by step."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from trainwell.family import Part
from trainwell.optimizers import optimizers


def walk(
    function: Callable[[Tensor], Tensor],
    start: Sequence[float],
    optimizer: Part,
    steps: int,
    *,
    until: Callable[[Tensor, float], bool] | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> list[list[float]]:
    """Where an optimizer goes on a function.

    Args:
        function: A point, (D,) float64, -> scalar.
        start: Where it begins.
        optimizer: One of `optimizers`.
        steps: Steps at most.
        until: Point and value -> whether it has arrived, and stops there.
        noise: Standard deviation of what is added to each number of the gradient.
        seed: Seed of the noise.

    Returns:
        The points, the start first. It ends early where a point is no longer finite.
    """
    point = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    stepper = optimizers.build(optimizer, [point])
    generator = torch.Generator().manual_seed(seed)
    seen = [point.tolist()]
    for _ in range(steps):
        value = function(point)
        if until is not None and until(point.detach(), value.item()):
            break
        (gradient,) = torch.autograd.grad(value, point)
        if noise:
            gradient = gradient + noise * torch.randn(point.shape, generator=generator, dtype=torch.float64)
        point.grad = gradient
        stepper.step()
        if not bool(torch.isfinite(point).all()):
            break
        seen.append(point.tolist())
    return seen
