"""Targets: what is to be learnt, in numbers: which kind it is, how even the classes are, scale and centre."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from trainwell.probes.contents import gathered, num_samples, take, tensors
from trainwell.probes.experiment import Batches
from trainwell.probes.features import Features, by_feature, numbers, standardised

Kind = Literal["binary", "plus_minus", "classes", "one_hot", "multi_label", "distribution", "whole", "real"]

IGNORED = -100  # the class number that torch's losses pass over unless told otherwise
_SUM = 1e-4  # by which probabilities of a sample may miss a sum of 1, for rounding


@dataclass(frozen=True, kw_only=True)
class Target:
    """One tensor of the targets, over all samples looked at.

    Columns are what lies along axis 1; a target of one number a sample has one.

    Args:
        name: Where it stands in the target; empty if it is all of it.
        dtype: Its type, as torch calls it.
        shape: Shape of a sample.
        num_samples: Samples looked at.
        kind: What the values say, whatever the type: `binary`: only 0 and 1, which may be two class numbers as well;
            `plus_minus`: only -1 and 1; `classes`: other whole numbers from 0 of an integer type; `one_hot`: 0 and 1 in
            columns that sum to 1; `multi_label`: 0 and 1 in columns; `distribution`: columns from 0 up that sum to 1;
            `whole`: other whole numbers; `real`: anything else.
        finite: Share of the values that are neither NaN nor infinite; the others are left out of the rest.
        ignored: Share of the values that are -100, of an integer type; left out too.
        low: Smallest value; None where nothing is left.
        high: Largest value.
        means: Mean of each column.
        spreads: Standard deviation of each column.
        centre: Root mean square of mean / spread over the columns that vary; None where none does.
        outlier: Largest distance from the mean of its column, in its spreads; None likewise.
        constant_share: Share of the columns that do not vary.
        classes: The different values in order, where they are few by kind (`binary`, `plus_minus`, `classes`, `whole`).
        counts: How often each of these comes; of kinds with columns, the sum of each column; of real targets, nothing.
        majority: Share of the most frequent one; None without counts.
        imbalance: The largest count over the smallest that is not 0; None likewise.
        evenness: Entropy of the counts over its largest possible value, 1 where all are equal, 0 with a single one.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    num_samples: int
    kind: Kind
    finite: float
    ignored: float
    low: float | None
    high: float | None
    means: tuple[float | None, ...]
    spreads: tuple[float | None, ...]
    centre: float | None
    outlier: float | None
    constant_share: float
    classes: tuple[float, ...]
    counts: tuple[float, ...]
    majority: float | None
    imbalance: float | None
    evenness: float | None


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Result of `targets`.

    Args:
        num_samples: Samples looked at.
        parts: Each tensor of the targets.
        unseen: What could not be looked at, in words.
    """

    num_samples: int
    parts: tuple[Target, ...]
    unseen: tuple[str, ...]


def targets(batches: Batches, *, num_batches: int = 8, seed: int = 0) -> Targets:
    """Look at the targets of some batches.

    Args:
        batches: step -> (x, y); y is a tensor, or tensors in dicts, lists and tuples.
        num_batches: Batches looked at.
        seed: Seed of what is drawn while the batches are made.

    Raises:
        BadValue: `num_batches` under 1, a batch that is no pair or holds no tensor.
    """
    taken = take(batches, num_batches, seed)
    found = gathered(taken, 1)
    parts, unseen = [], []
    for name in dict.fromkeys(name for batch in taken for name, _ in tensors(batch[1])):
        if name in found and len({tensor.shape[1:] for tensor in found[name]}) == 1:
            parts.append(_target(name, torch.cat(found[name])))
        else:
            unseen.append(f"target {name}: complex, without an axis of samples, or of changing shape")
    return Targets(
        num_samples=sum(num_samples(batch) for batch in taken),
        parts=tuple(parts),
        unseen=tuple(unseen) if parts or unseen else ("target: holds no tensor",),
    )


def kind_of(values: Tensor) -> Kind:
    """Which kind of target the values, (N, ...) and all finite, are by their looks; see `Target`."""
    whole_type = not values.is_floating_point()
    columns = by_feature(values, 1)
    zeros_and_ones = bool(((values == 0) | (values == 1)).all())
    if columns.shape[1] > 1:
        sums = columns.sum(dim=1)
        shares = bool((values >= 0).all() and ((sums - 1).abs() <= _SUM).all())
        if zeros_and_ones:
            return "one_hot" if shares else "multi_label"
        if shares:
            return "distribution"
    elif zeros_and_ones:
        return "binary"
    if bool((values.abs() == 1).all()):
        return "plus_minus"
    if whole_type and bool((values >= 0).all()):
        return "classes"
    return "whole" if bool((values == values.round()).all()) else "real"


def as_vectors(values: Tensor) -> Tensor:
    """Targets as points whose distance means how different they are, (N, K) float64.

    Class numbers and other whole numbers in one column, if each comes twice on average, become one-hot rows; all else
    becomes columns in units of their spread.
    """
    flat = values.reshape(len(values), -1).double().nan_to_num()
    if flat.shape[1] == 1 and kind_of(values) != "real":
        kinds, places = torch.unique(flat, return_inverse=True)
        if not values.is_floating_point() or 2 * len(kinds) <= len(flat):
            return functional.one_hot(places[:, 0], len(kinds)).double()
    return standardised(flat)


def _target(name: str, values: Tensor) -> Target:
    whole_type = not values.is_floating_point()
    finite = values.isfinite()
    ignored = (values == IGNORED) & whole_type
    used = finite & ~ignored
    columns = by_feature(values, 1)
    known = by_feature(used, 1).bool()
    features = Features(columns, known)
    rows = known.all(dim=1)
    kind = kind_of(_of_type(columns[rows], values)) if rows.any() else "real"
    classes, counts = _counts(kind, columns[known], columns[rows])
    total = counts.sum()
    present = counts[counts > 0]
    entropy = float(-(present / total * (present / total).log()).sum()) if len(present) else 0.0
    left = columns[known]
    return Target(
        name=name,
        dtype=str(values.dtype).removeprefix("torch."),
        shape=tuple(values.shape[1:]),
        num_samples=len(values),
        kind=kind,
        finite=float(finite.double().mean()),
        ignored=float(ignored.double().mean()),
        low=float(left.min()) if len(left) else None,
        high=float(left.max()) if len(left) else None,
        means=numbers(features.means),
        spreads=numbers(features.spreads),
        centre=features.centre,
        outlier=features.outlier,
        constant_share=features.constant_share,
        classes=tuple(classes.tolist()),
        counts=tuple(counts.tolist()),
        majority=float(present.max() / total) if len(present) else None,
        imbalance=float(present.max() / present.min()) if len(present) else None,
        evenness=(entropy / math.log(len(counts)) if len(counts) > 1 else 0.0) if len(present) else None,
    )


def _counts(kind: Kind, values: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The classes, and how often each comes, float64."""
    nothing = torch.zeros(0, dtype=torch.float64)
    if kind == "real":
        return nothing, nothing
    if kind in ("one_hot", "multi_label", "distribution"):
        return nothing, rows.sum(dim=0)
    classes, counts = torch.unique(values, return_counts=True)
    return classes, counts.double()


def _of_type(columns: Tensor, values: Tensor) -> Tensor:
    return columns.to(values.dtype) if columns.shape[1] > 1 else columns[:, 0].to(values.dtype)
