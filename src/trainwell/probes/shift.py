"""Shift: do training and validation data come from the same place, and do they share samples?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.errors import BadValue
from trainwell.preprocessing import FLOOR
from trainwell.probes.contents import digests, gathered, num_samples, take
from trainwell.probes.experiment import Batches
from trainwell.probes.targets import as_vectors


@dataclass(frozen=True, kw_only=True)
class PartShift:
    """One tensor of the inputs, or the targets. Values that are not finite count as 0, in both parts.

    Args:
        name: Where it stands; empty if it is all.
        shift: Difference of the means in units of the spread of the training values, as a root mean square over the
            features; None where no feature varies.
        largest: The largest of these differences.
        against_chance: The same differences in units of their standard errors, as a root mean square: 1 by chance,
            where the samples are drawn independently.
        spread_ratio: Spread of the validation values over that of the training values, the median over the features.
        outside: Share of the validation values beyond the range of the training values of their feature.
    """

    name: str
    shift: float | None
    largest: float | None
    against_chance: float | None
    spread_ratio: float | None
    outside: float


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Result of `shift`.

    Args:
        num_train: Training samples looked at.
        num_valid: Validation samples looked at.
        shared: Share of the validation samples whose input is also one of the training samples looked at.
        inputs: Each tensor of the inputs that has the same shape in all batches.
        targets: The first tensor of the targets, classes as one-hot rows; None where its shape changes.
    """

    num_train: int
    num_valid: int
    shared: float
    inputs: tuple[PartShift, ...]
    targets: PartShift | None


def shift(train: Batches, valid: Batches, *, num_batches: int = 8, axis: int = 1, seed: int = 0) -> Shift:
    """Compare some batches of the training data with some of the validation data.

    Args:
        train: step -> (x, y).
        valid: step -> (x, y).
        num_batches: Batches looked at, of each.
        axis: Axis of the features: 1 for columns and channels first, -1 for channels last and (N, T, F).
        seed: Seed of what is drawn while the batches are made.

    Raises:
        BadValue: `num_batches` under 1, another axis, a batch that is no pair or holds no tensor.
    """
    if axis not in (1, -1):
        raise BadValue(f"axis={axis} is not possible: expected 1 or -1.")
    here, there = take(train, num_batches, seed), take(valid, num_batches, seed)
    known = {digest for batch in here for digest in digests(batch[0], num_samples(batch))}
    new = [digest for batch in there for digest in digests(batch[0], num_samples(batch))]
    ours, theirs = gathered(here, 0), gathered(there, 0)
    parts = [
        _compared(name, _table(torch.cat(ours[name]), axis), _table(torch.cat(theirs[name]), axis))
        for name in ours
        if name in theirs and len({tensor.shape[1:] for tensor in ours[name] + theirs[name]}) == 1
    ]
    labels = [next(iter(gathered(part, 1).values()), []) for part in (here, there)]
    targets = None
    if all(labels) and len({tensor.shape[1:] for tensor in labels[0] + labels[1]}) == 1:
        vectors = as_vectors(torch.cat(labels[0] + labels[1]))
        count = sum(len(tensor) for tensor in labels[0])
        targets = _compared("", vectors[:count, None], vectors[count:, None])
    return Shift(
        num_train=sum(num_samples(batch) for batch in here),
        num_valid=len(new),
        shared=sum(digest in known for digest in new) / len(new),
        inputs=tuple(parts),
        targets=targets,
    )


def _table(values: Tensor, axis: int) -> Tensor:
    """(N, ...) -> (N, values of a sample, features), float64."""
    values = values.double().nan_to_num(posinf=0.0, neginf=0.0)
    if values.ndim == 1:
        return values[:, None, None]
    return values.movedim(axis, -1).reshape(len(values), -1, values.shape[axis])


def _compared(name: str, train: Tensor, valid: Tensor) -> PartShift:
    spread = train.std(dim=(0, 1), correction=0)
    varies = spread > FLOOR * train.abs().amax(dim=(0, 1))
    low, high = train.amin(dim=(0, 1)), train.amax(dim=(0, 1))
    outside = float(((valid < low) | (valid > high)).double().mean())
    if not varies.any():
        return PartShift(name=name, shift=None, largest=None, against_chance=None, spread_ratio=None, outside=outside)
    # The values of one sample belong together: chance is counted by samples.
    ours, theirs = train.mean(dim=1)[:, varies], valid.mean(dim=1)[:, varies]
    differences = theirs.mean(dim=0) - ours.mean(dim=0)
    relative = differences / spread[varies]
    errors = (ours.var(dim=0, correction=0) / len(ours) + theirs.var(dim=0, correction=0) / len(theirs)).sqrt()
    differ = errors > 0
    ratios = valid.std(dim=(0, 1), correction=0)[varies] / spread[varies]
    return PartShift(
        name=name,
        shift=float(relative.square().mean().sqrt()),
        largest=float(relative.abs().max()),
        against_chance=float((differences[differ] / errors[differ]).square().mean().sqrt()) if differ.any() else None,
        spread_ratio=float(ratios.quantile(0.5)),
        outside=outside,
    )
