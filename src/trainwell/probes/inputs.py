"""Inputs: what goes in, in numbers: scale, centre, spread of each feature, what is missing, what looks like codes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.errors import BadValue
from trainwell.probes.contents import digests, gathered, num_samples, take, tensors
from trainwell.probes.experiment import Batches
from trainwell.probes.features import Features, by_feature, numbers

_EVEN = 1e-3  # share of a step by which the values of a code may be off it, for rounding


@dataclass(frozen=True, kw_only=True)
class Input:
    """One tensor of the inputs, over all samples looked at.

    All figures leave NaN and infinite values aside, and are None where nothing is left. A feature is constant where its
    spread is at most a millionth of its largest value.

    Args:
        name: Where it stands in the input; empty if it is all of it.
        dtype: Its type, as torch calls it.
        shape: Shape of a sample.
        num_samples: Samples looked at.
        nan_share: Share of NaN among all values.
        inf_share: Share of infinite values.
        low: Smallest value.
        high: Largest value.
        scale: Root mean square of all values.
        zero_share: Share of values that are 0.
        whole: Whether all values are whole numbers.
        bytes: Whether all values are whole, from 0 to 255, and some of them 128 or more, as in raw pictures.
        means: Mean of each feature.
        spreads: Standard deviation of each feature.
        lows: Smallest value of each feature.
        highs: Largest value of each feature.
        centre: Root mean square of mean / spread over the features that are not constant; 0 where all are centred. None
            without such a feature.
        decades: log10 of the largest spread over the smallest one among these; None likewise.
        constant_share: Share of constant features.
        constant_positions: Share of the places within a sample that are constant: of a picture, the pixels. None where
            the shapes of the batches differ.
        outlier: Largest distance from the mean of its feature, in its spreads; None likewise.
        coded: Numbers of the features that hold codes by their looks: 3 or more different values, an even step apart
            and none left out, each coming twice on average, whatever they were scaled by. Counts and grey values look
            like that too.
        aligned: Whether all batches have the same features; if not, all values count as one feature.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    num_samples: int
    nan_share: float
    inf_share: float
    low: float | None
    high: float | None
    scale: float | None
    zero_share: float
    whole: bool
    bytes: bool
    means: tuple[float | None, ...]
    spreads: tuple[float | None, ...]
    lows: tuple[float | None, ...]
    highs: tuple[float | None, ...]
    centre: float | None
    decades: float | None
    constant_share: float
    constant_positions: float | None
    outlier: float | None
    coded: tuple[int, ...]
    aligned: bool


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Result of `inputs`.

    Args:
        num_samples: Samples looked at.
        duplicate_share: Share of samples that are equal, in all tensors, to an earlier one.
        parts: Each tensor of the inputs.
        unseen: What could not be looked at, in words.
    """

    num_samples: int
    duplicate_share: float
    parts: tuple[Input, ...]
    unseen: tuple[str, ...]


def inputs(
    batches: Batches, *, num_batches: int = 8, axis: int = 1, max_values: int = 2_000_000, seed: int = 0
) -> Inputs:
    """Look at the inputs of some batches.

    Args:
        batches: step -> (x, y); x is a tensor, or tensors in dicts, lists and tuples.
        num_batches: Batches looked at; no more than an epoch has, or samples count as duplicates of themselves.
        axis: Axis of the features: 1 for columns and for channels first, -1 for channels last and (N, T, F).
        max_values: No further batch is looked at once that many values were.
        seed: Seed of what is drawn while the batches are made.

    Raises:
        BadValue: `num_batches` or `max_values` under 1, a batch that is no pair or holds no tensor.
    """
    if max_values < 1 or axis not in (1, -1):
        raise BadValue(f"max_values={max_values}, axis={axis} is not possible: expected 1 or more, and 1 or -1.")
    taken = take(batches, num_batches, seed, max_values)
    seen = [digest for batch in taken for digest in digests(batch[0], num_samples(batch))]
    found = gathered(taken, 0)
    names = dict.fromkeys(name for batch in taken for name, _ in tensors(batch[0]))
    return Inputs(
        num_samples=len(seen),
        duplicate_share=1 - len(set(seen)) / len(seen),
        parts=tuple(_input(name, parts, axis) for name, parts in found.items()),
        unseen=tuple(f"input {name}: complex, or without an axis of samples" for name in names if name not in found)
        or (() if found else ("input: holds no tensor",)),
    )


def _input(name: str, parts: list[Tensor], axis: int) -> Input:
    tables = [by_feature(part, axis) for part in parts]
    aligned = len({table.shape[1] for table in tables}) == 1
    rows = torch.cat(tables if aligned else [table.reshape(-1, 1) for table in tables])
    features = Features(rows)
    values = rows[features.used]
    whole = len(values) > 0 and bool((values == values.round()).all())
    return Input(
        name=name,
        dtype=str(parts[0].dtype).removeprefix("torch."),
        shape=tuple(parts[0].shape[1:]),
        num_samples=sum(len(part) for part in parts),
        nan_share=float(rows.isnan().double().mean()),
        inf_share=float(rows.isinf().double().mean()),
        low=float(values.min()) if len(values) else None,
        high=float(values.max()) if len(values) else None,
        scale=float(values.square().mean().sqrt()) if len(values) else None,
        zero_share=float((rows == 0).double().mean()),
        whole=whole,
        bytes=whole and float(values.min()) >= 0 and 128 <= float(values.max()) <= 255,
        means=numbers(features.means),
        spreads=numbers(features.spreads),
        lows=numbers(features.lows),
        highs=numbers(features.highs),
        centre=features.centre,
        decades=features.decades,
        constant_share=features.constant_share,
        constant_positions=_constant_positions(parts),
        outlier=features.outlier,
        coded=tuple(i for i in range(rows.shape[1]) if _is_code(rows[features.used[:, i], i])),
        aligned=aligned,
    )


def _constant_positions(parts: list[Tensor]) -> float | None:
    if len({part.shape[1:] for part in parts}) > 1:
        return None
    values = torch.cat(parts)
    return float((values == values[:1]).all(dim=0).double().mean())


def _is_code(values: Tensor) -> bool:
    kinds = torch.unique(values)
    if len(kinds) < 3 or 2 * len(kinds) > len(values):
        return False
    steps = kinds.diff()
    return bool(steps.max() - steps.min() <= _EVEN * steps.mean())
