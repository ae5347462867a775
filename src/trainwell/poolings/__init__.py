"""Poolings: make a map smaller, or one number a channel.

A member takes the number of channels and of dimensions, and gives a module::

    (features: int, dimensions: int, *, ...) -> nn.Module      # 1: (N, C, L), 2: (N, C, H, W), 3: (N, C, D, H, W)

Facts of a member:
    overall: Whether it takes the whole map and gives (N, C).
    shrinks: The hyper-parameter by which each side is divided, rounded down; None where it takes the whole map.
        `shrinks` reads its value.
    draws: Whether training draws random numbers, see `trainwell.dropouts.attach`.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.family import Family, Part

poolings = Family("poolings", __name__, "pooling")


def check_dimensions(id: str, dimensions: int) -> None:
    """Raise `BadValue` unless there are 1 to 3 dimensions to pool."""
    if not 1 <= dimensions <= 3:
        raise BadValue(f"{id} pools over 1 to 3 dimensions, got {dimensions}: rows of a table have none to pool.")


def shrinks(pooling: Part | str | Mapping[str, Any]) -> float:
    """The number by which a pooling divides each side of a map: a side s becomes int(s / shrinks), at least 1 needed.

    Args:
        pooling: One of `poolings`.

    Returns:
        At least 1.

    Raises:
        BadValue: It takes the whole map, or is from outside and does not say.
    """
    part = poolings.resolve(pooling)
    divisor = poolings[part.name].facts.get("shrinks")
    if divisor is None:
        raise BadValue(
            f"The pooling {part.name!r} has no windows that shrink a map by a fixed factor. Take one that has, such as "
            "max; one of your own says which of its arguments is the factor: @poolings.add(..., shrinks='size')."
        )
    return float(part.args[divisor])


class Overall(nn.Module):
    """Reduce all positions of a map to one number a channel, (N, C, ...) -> (N, C).

    Args:
        reduce: `Tensor.mean`, `Tensor.amax` or the like: takes a tensor and the dimensions.
    """

    def __init__(self, reduce: Any) -> None:
        super().__init__()
        self.reduce = reduce

    def forward(self, map: Tensor) -> Tensor:
        """The reduced map."""
        reduced: Tensor = self.reduce(map, tuple(range(2, map.ndim)))
        return reduced
