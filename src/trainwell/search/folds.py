"""Folds: every row that may be learnt from is held out once."""

from dataclasses import replace

import numpy as np
import torch

from trainwell.data.dataset import Data, sample_digests
from trainwell.data.photos import Photos
from trainwell.data.splits import split_rows, strata_of
from trainwell.errors import BadData, BadValue

_POOLED = ("train", "valid")  # rows held out for a last judgement, or for a test, are in no fold


def fold_data(data: Data, count: int, *, seed: int, groups: np.ndarray | None = None) -> tuple[Data, ...]:
    """The data `count` times, each time with another part of train and valid as `valid` and the rest as `train`.

    The parts are stratified (classes, or tenths of the target, in equal shares) and a group lies in one part. Nothing
    is fitted here: what is fitted on the training split, such as the preprocessing, is fitted anew in each fold.

    Args:
        data: The data, with its own split.
        count: Number of folds.
        seed: Seed of the draw.
        groups: Group of each row of the data, (N,) integers; None keeps together the samples that are equal.

    Raises:
        BadValue: Fewer than two folds, or groups that are not one for each row.
        BadData: A class, or the data, has fewer groups than there are folds.
    """
    if count < 2:
        raise BadValue(f"{count} folds are not possible: expected at least 2, one to hold out and one to learn from.")
    if groups is not None and np.shape(groups) != (len(data.y),):
        raise BadValue(f"groups has shape {np.shape(groups)}; expected one group for each row: ({len(data.y)},).")
    pool = np.sort(np.concatenate([rows for name, rows in data.splits.items() if name in _POOLED]))
    group_of = _equal_samples(data, pool) if groups is None else np.unique(groups[pool], return_inverse=True)[1]
    strata = strata_of(data.y[pool], data.task)
    _refuse_too_few(data, strata, group_of, count)
    names = [f"fold {number}" for number in range(1, count)]
    parts = split_rows(strata, group_of, dict.fromkeys(names, 1 / count), seed)
    held = [pool[rows] for rows in parts.values()]
    return tuple(
        replace(
            data,
            splits={"train": np.setdiff1d(pool, rows, assume_unique=True), "valid": rows},
            facts=data.facts | {"fold": {"number": number, "of": count, "seed": seed}},
        )
        for number, rows in enumerate(held)
    )


def _equal_samples(data: Data, pool: np.ndarray) -> np.ndarray:
    """Group of each row of the pool: rows of equal samples share one, unless rows repeat by nature."""
    x = data.x.numpy() if isinstance(data.x, torch.Tensor) and data.x.dtype != torch.bfloat16 else data.x
    if not isinstance(x, np.ndarray | Photos):
        return np.arange(len(pool))  # to compare them, a data set of one's own would have to be read whole
    found, group_of = np.unique(sample_digests(x, pool), return_inverse=True)
    natural = data.kind == "table" and 2 * len(found) < len(pool)  # few possible rows, as in `partition`
    return np.arange(len(pool)) if natural else group_of


def _refuse_too_few(data: Data, strata: np.ndarray, group_of: np.ndarray, count: int) -> None:
    """Refuse more folds than the smallest class, or the data, has groups for."""
    if data.task != "classification":
        found, what = len(np.unique(group_of)), "there are"
    else:
        by_class = {label: len(np.unique(group_of[strata == label])) for label in np.unique(strata)}
        rarest = min(by_class, key=lambda label: by_class[label])
        found, what = by_class[rarest], f"class {data.classes[rarest]!r} has"
    if found < count:
        todo = f"Take at most {found} folds, or add rows." if found >= 2 else "Add rows; with these there are no folds."
        raise BadData(
            f"{count} folds need at least {count} rows, or groups of rows, in each class; {what} {found}. {todo}"
        )
