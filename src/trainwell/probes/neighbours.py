"""Neighbours: do samples that are alike have targets that are alike? A control for labels that were mixed up.

No training is involved: targets are compared with those of the nearest inputs, and this with the same targets dealt out
at random. Where the distance between inputs means little, as between photos, agreement is low with the best labels too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.errors import BadData, BadValue
from trainwell.probes.contents import digests, gathered, num_samples, take
from trainwell.probes.experiment import Batches
from trainwell.probes.features import standardised
from trainwell.probes.targets import as_vectors

_SHUFFLES = 50  # deals of the targets, to see what chance gives: its spread is then known to 10 %


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Result of `neighbours`.

    Args:
        num_samples: Samples among which duplicates were looked for.
        repeated_share: Share of samples whose input comes again among them.
        conflict_share: Share of samples whose input comes again with another target.
        num_compared: Samples among which neighbours were looked for.
        agreement: 1 - d / D, where d is the mean squared difference between the target of a sample and those of its
            nearest neighbours, and D that of two samples taken at random. For classes d and D are shares of unequal
            pairs. 1 where neighbours always agree, 0 on average by chance. None where all targets or inputs are equal,
            or no input is a tensor of numbers with a fraction.
        chance: Standard deviation of `agreement` over targets dealt out at random.
    """

    num_samples: int
    repeated_share: float
    conflict_share: float
    num_compared: int
    agreement: float | None
    chance: float | None


def neighbours(
    batches: Batches, *, num_batches: int = 16, num_neighbours: int = 5, max_samples: int = 400, seed: int = 0
) -> Neighbours:
    """Compare the targets of samples with those of their nearest neighbours.

    Nearest is by Euclidean distance between all floating-point inputs of a sample, each value in units of its spread
    over the samples; exact copies count as neighbours too. Of a structure of targets the first tensor counts.

    Args:
        batches: step -> (x, y).
        num_batches: Batches looked at, no more than an epoch has.
        num_neighbours: Neighbours of each sample.
        max_samples: Samples among which neighbours are looked for: the first ones. The cost grows with its square.
        seed: Seed of the deals, and of what is drawn while the batches are made.

    Raises:
        BadValue: A number under 1, a batch that is no pair or holds no tensor.
        BadData: The batches hold no target of numbers, or targets of changing shapes.
    """
    if num_neighbours < 1 or max_samples < num_neighbours + 1:
        raise BadValue(
            f"num_neighbours={num_neighbours}, max_samples={max_samples} is not possible: expected 1 or more, and more "
            "samples than neighbours."
        )
    taken = take(batches, num_batches, seed)
    found = next(iter(gathered(taken, 1).values()), None)
    if found is None or len({part.shape[1:] for part in found}) > 1:
        raise BadData("Expected targets of one shape in all batches. Give those that tell the classes or values.")
    y = torch.cat(found)
    inputs = [digest for batch in taken for digest in digests(batch[0], num_samples(batch))]
    repeated, conflicting = _duplicates(inputs, digests(y, len(y)))
    points = _points(gathered(taken, 0), len(y), max_samples)
    compared = 0 if points is None else len(points)
    vectors = as_vectors(y[:max_samples])
    unequal = float(vectors.var(dim=0).sum()) if compared > num_neighbours else 0.0
    agreement = chance = None
    if points is not None and unequal and points.any():
        distances = torch.cdist(points, points).fill_diagonal_(torch.inf)
        nearest = distances.topk(num_neighbours, largest=False).indices
        draws = torch.Generator().manual_seed(seed)
        deals = [vectors[torch.randperm(compared, generator=draws)] for _ in range(_SHUFFLES)]
        agreement = _agreement(vectors, nearest, unequal)
        chance = float(torch.tensor([_agreement(deal, nearest, unequal) for deal in deals]).std())
    return Neighbours(
        num_samples=len(y),
        repeated_share=repeated,
        conflict_share=conflicting,
        num_compared=compared,
        agreement=agreement,
        chance=chance,
    )


def _duplicates(inputs: list[bytes], labels: list[bytes]) -> tuple[float, float]:
    """Share of samples whose input comes again, and of those whose input comes with another target."""
    times: dict[bytes, int] = {}
    kinds: dict[bytes, set[bytes]] = {}
    for x, y in zip(inputs, labels, strict=True):
        times[x] = times.get(x, 0) + 1
        kinds.setdefault(x, set()).add(y)
    again = sum(count for count in times.values() if count > 1)
    conflicting = sum(times[x] for x, seen in kinds.items() if len(seen) > 1)
    return again / len(inputs), conflicting / len(inputs)


def _points(parts: dict[str, list[Tensor]], count: int, max_samples: int) -> Tensor | None:
    """The first samples as points, (N, K) float64, each coordinate in units of its spread."""
    found = []
    for tensors in parts.values():
        whole = sum(len(tensor) for tensor in tensors) == count and len({t.shape[1:] for t in tensors}) == 1
        if whole and tensors[0].is_floating_point():
            values = torch.cat(tensors)[:max_samples]
            found.append(standardised(values.reshape(len(values), -1)))
    return torch.cat(found, dim=1) if found else None


def _agreement(vectors: Tensor, nearest: Tensor, unequal: float) -> float:
    differences = (vectors[nearest] - vectors[:, None]).square().sum(dim=2).mean()
    return 1 - float(differences) / (2 * unequal)
