"""Order: are the samples of a batch mixed, or does the data come sorted?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.errors import BadData, BadValue
from trainwell.probes.contents import gathered, take
from trainwell.probes.experiment import Batches
from trainwell.probes.targets import as_vectors

_SHUFFLES = 100  # orders drawn to see what chance gives: its spread is then known to 7 %


@dataclass(frozen=True, kw_only=True)
class Order:
    """Result of `order`. For classes, a variance is the chance that two different samples belong to different ones.

    Args:
        num_batches: Batches looked at.
        num_samples: Samples in them.
        mixing: Variance of the targets within a batch over that in all batches together: 1 on average by chance, 0 for
            sorted classes, above 1 for batches that are balanced on purpose. None where all targets are equal, or no
            batch has two samples.
        mixing_spread: Standard deviation of `mixing` over random orders.
        neighbours: Half the mean squared difference of successive samples over the same variance: 1 by chance, near 0
            for sorted data, and for time series in their order.
        neighbours_spread: Standard deviation of `neighbours` over random orders.
    """

    num_batches: int
    num_samples: int
    mixing: float | None
    mixing_spread: float | None
    neighbours: float | None
    neighbours_spread: float | None


def order(batches: Batches, *, num_batches: int = 32, seed: int = 0) -> Order:
    """Compare the targets within batches with those of all batches, in the order the training will see them.

    Args:
        batches: step -> (x, y); of a structure of targets the first tensor counts.
        num_batches: Batches looked at, 2 or more; an epoch at most.
        seed: Seed of the random orders, and of what is drawn while the batches are made.

    Raises:
        BadValue: `num_batches` under 2, a batch that is no pair or holds no tensor.
        BadData: The batches hold no target of numbers, or targets of changing shapes.
    """
    if num_batches < 2:
        raise BadValue(f"num_batches={num_batches} is not possible: expected 2 or more, to be compared.")
    parts = next(iter(gathered(take(batches, num_batches, seed), 1).values()), None)
    if parts is None or len({part.shape[1:] for part in parts}) > 1:
        raise BadData("Expected targets of one shape in all batches. Give those that tell the classes or values.")
    vectors = as_vectors(torch.cat(parts))
    sizes = [len(part) for part in parts]
    pooled = float(vectors.var(dim=0).sum()) if len(vectors) > 1 else 0.0
    if pooled == 0 or max(sizes) < 2:
        return Order(
            num_batches=len(sizes),
            num_samples=len(vectors),
            mixing=None,
            mixing_spread=None,
            neighbours=None,
            neighbours_spread=None,
        )
    draws = torch.Generator().manual_seed(seed)
    shuffled = [vectors[torch.randperm(len(vectors), generator=draws)] for _ in range(_SHUFFLES)]
    return Order(
        num_batches=len(sizes),
        num_samples=len(vectors),
        mixing=_within(vectors, sizes) / pooled,
        mixing_spread=_deviation([_within(each, sizes) / pooled for each in shuffled]),
        neighbours=_successive(vectors) / pooled,
        neighbours_spread=_deviation([_successive(each) / pooled for each in shuffled]),
    )


def _within(vectors: Tensor, sizes: list[int]) -> float:
    """Variance within a batch, unbiased, averaged over the batches by their degrees of freedom."""
    parts = [part for part in vectors.split(sizes) if len(part) > 1]
    squares = sum(float((part - part.mean(dim=0)).square().sum()) for part in parts)
    return squares / sum(len(part) - 1 for part in parts)


def _successive(vectors: Tensor) -> float:
    return float(vectors.diff(dim=0).square().sum(dim=1).mean()) / 2


def _deviation(values: list[float]) -> float:
    return float(torch.tensor(values, dtype=torch.float64).std())
