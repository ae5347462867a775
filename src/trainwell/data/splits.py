"""Stratified splits in which a group stays together."""

from collections.abc import Mapping

import numpy as np

from trainwell.draws import generator


def split_rows(
    strata: np.ndarray, groups: np.ndarray, fractions: Mapping[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Deal rows out to parts, each stratum in the same shares, each group to one part.

    Every part gets at least one row of a stratum where it has the groups for it; the rest, and at least one group, is
    `train`.

    Args:
        strata: Stratum of each row, (N,) integers: its class, or a bin of its target.
        groups: Group of each row, (N,) integers: rows that must stay together. A group belongs to the stratum of its
            first row.
        fractions: Share of each part but `train`, each in (0, 1).
        seed: Seed of the draw.

    Returns:
        Row indices by part, int64 and ascending.
    """
    rng = generator("split", seed)
    _, first, group_of, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    home = strata[first]
    part_of_group = np.zeros(len(first), np.int64)
    owed = dict.fromkeys(fractions, 0.0)  # fractions of rows carried on, so that many small strata add up
    for stratum in np.unique(home):
        members = rng.permutation(np.flatnonzero(home == stratum))
        keep = int(np.argmax(sizes[members]))  # the largest group stays in train, so that train has one
        free = np.delete(members, keep)
        num_rows = int(sizes[members].sum())
        for part, (name, fraction) in enumerate(fractions.items(), 1):
            owed[name] += num_rows * fraction
            taken = _fill(sizes[free], max(1, round(owed[name])))
            owed[name] -= sizes[free[taken]].sum()
            part_of_group[free[taken]] = part
            free = free[~taken]
    part_of_row = part_of_group[group_of]
    names = ("train", *fractions)
    return {names[part]: np.flatnonzero(part_of_row == part) for part in range(len(names))}


def _fill(sizes: np.ndarray, wanted: int) -> np.ndarray:
    """Which groups to take, in their order, for `wanted` rows; at least one where there is one."""
    taken = np.zeros(len(sizes), bool)
    if (sizes == 1).all():
        taken[:wanted] = True
        return taken
    total = 0
    for i, size in enumerate(sizes):
        if total + size <= wanted:
            taken[i] = True
            total += size
    if total == 0 and len(sizes):
        taken[np.argmin(sizes)] = True
    return taken


def strata_of(y: np.ndarray, task: str) -> np.ndarray:
    """The class of each row, or the tenth of the rows in which its target lies (fewer bins for few rows)."""
    if task == "classification":
        return y
    target = y if y.ndim == 1 else y[:, 0]
    num_bins = max(1, min(10, len(target) // 10))
    ranks = np.argsort(np.argsort(target, kind="stable"), kind="stable")
    return ranks * num_bins // max(1, len(target))
