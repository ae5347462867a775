"""Heads compared by folds of the training samples, where validation samples are too few to tell them apart."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainwell.data.splits import split_rows, strata_of
from trainwell.training.heads import Features, Head, train_heads

FOLDS = 5
_ENOUGH = 500  # validation samples that know an accuracy to two points: these are asked


def num_folds(features: Features, num_classes: int | None) -> int:
    """How many folds the heads are to be compared by; 0 where the validation samples are enough, or the training
    samples no more, or too few for folds."""
    held = 0 if features.valid is None else len(features.valid)
    count = len(features.target)
    if held >= min(_ENOUGH, count):
        return 0
    rarest = count if num_classes is None else int(features.target.bincount(minlength=num_classes).min())
    return min(FOLDS, rarest) if rarest >= 2 else 0


def across_folds(
    features: Features, heads: Sequence[Head], count: int, *, seed: int, **settings: Any
) -> list[dict[str, float]]:
    """Score heads on training samples that they have not seen: each fold is held out once from all of them.

    Folds are stratified; samples with equal features lie in one.

    Args:
        features: What to learn from; the validation samples are not looked at.
        heads: Their rates, decays and seeds.
        count: Number of folds.
        seed: Seed of the run.
        **settings: As `train_heads` takes them.

    Returns:
        For each head `folds_loss`, `folds_accuracy` (or `folds_r2`) and so on: the means over the samples.
    """
    target = features.target.cpu().numpy()
    _, first, same = np.unique(features.train[0].cpu().numpy(), axis=0, return_index=True, return_inverse=True)
    task = "classification" if settings["num_classes"] is not None else "regression"
    shares = {f"fold {number}": 1 / count for number in range(1, count)}
    folds = [rows for rows in split_rows(strata_of(target, task), first[same], shares, seed).values() if len(rows)]
    sums: list[dict[str, float]] = [{} for _ in heads]
    for held in folds:
        rest = np.setdiff1d(np.arange(len(target)), held, assume_unique=True)
        part = Features(
            features.train[:, rest],
            features.target[rest],
            features.train[0, held],
            features.target[held],
            features.scale,
        )
        for total, head in zip(sums, train_heads(part, heads, seed=seed, **settings), strict=True):
            assert head.scores is not None, "a trained head is scored"
            for name, value in head.scores.items():
                if name.startswith("valid_"):
                    key = name.replace("valid_", "folds_")
                    total[key] = total.get(key, 0.0) + value * len(held) / len(target)
    return [{name: value if math.isfinite(value) else math.nan for name, value in total.items()} for total in sums]
