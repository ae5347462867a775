"""Who learns and who judges: given parts are checked, missing ones made, and duplicates never straddle them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainwell.data.dataset import count
from trainwell.data.splits import split_rows, strata_of
from trainwell.errors import BadData, BadValue
from trainwell.family import check_value

IMAGE_VALID = 0.1
# More judges buy little and cost training: with 2,500 the standard error at 90 % accuracy is
# sqrt(0.9 * 0.1 / 2500) = 0.6 points, with 5,000 it is 0.4.
MAX_VALID_IMAGES = 2_500
TABLE_VALID = 0.1
# Under this many rows the part that chooses the weights is too small to be believed as well: a last part is held out.
SMALL_TABLE = 5_000
SMALL_TABLE_PARTS = {"valid": 0.15, "heldout": 0.15}
SHOWN = 20  # groups of duplicates and conflicts listed in data.json


@dataclass(frozen=True, eq=False)
class Partition:
    """Rows by part, and what was found.

    Args:
        splits: As in `Data`.
        facts: `split` and `duplicates` of `Data.facts`.
        notes: The same in words.
    """

    splits: dict[str, np.ndarray]
    facts: dict[str, Any]
    notes: list[str]


@dataclass(frozen=True)
class Rule:
    """How rows are dealt out where the source does not say.

    Args:
        fractions: Share of each part but `train`.
        reason: Why these, in words; may be empty.
    """

    fractions: Mapping[str, float]
    reason: str


def rule_for(kind: str, num_rows: int, valid_fraction: float | None) -> Rule:
    """The shares of a data set of this kind and size; `valid_fraction`, in (0, 0.5], overrides that of valid."""
    small = kind == "table" and num_rows < SMALL_TABLE
    if valid_fraction is not None:
        share = check_value("valid_fraction", valid_fraction, float, "(0, 0.5]")
        return Rule({"valid": share} | ({"heldout": SMALL_TABLE_PARTS["heldout"]} if small else {}), "as asked")
    if small:
        return Rule(SMALL_TABLE_PARTS, "few rows: heldout judges what valid has chosen")
    if kind == "table":
        return Rule({"valid": TABLE_VALID}, "")
    if num_rows * IMAGE_VALID > MAX_VALID_IMAGES:
        return Rule({"valid": MAX_VALID_IMAGES / num_rows}, "2,500 judge 90 % accuracy to 0.6 points")
    return Rule({"valid": IMAGE_VALID}, "")


def partition(
    y: np.ndarray,
    digests: np.ndarray,
    *,
    task: str,
    kind: str,
    parts: str,
    given: np.ndarray | None,
    seed: int,
    valid_fraction: float | None,
    name: Callable[[int], str],
) -> Partition:
    """Decide which part each row belongs to.

    Args:
        y: Class indices (N,) or targets (N,) or (N, K).
        digests: Equal where rows are duplicates, (N,) uint64.
        task: `classification` or `regression`.
        kind: `images` or `table`.
        parts: `fit` makes train and valid (and heldout); any other is the one part of all rows.
        given: `train` or `valid` by row, (N,), where the source says it.
        seed: Seed of the split.
        valid_fraction: Share of the validation part, in (0, 0.5]; None leaves it to the rule.
        name: What a row is called, by index.

    Raises:
        BadData: No row of a class is left to learn from.
        BadValue: `valid_fraction` is out of range, or would have no effect.
    """
    _, group_of, sizes = np.unique(digests, return_inverse=True, return_counts=True)
    natural = kind == "table" and 2 * len(sizes) < len(y)  # few possible rows: repeats say nothing about copying
    if natural:
        group_of = np.arange(len(y))
    duplicates = _duplicates(group_of, y, name)
    noun = "image" if kind == "images" else "row"
    notes = _duplicate_notes(duplicates, noun)
    if natural:
        notes.append(f"rows repeat by nature ({len(sizes):,} differ of {len(y):,}): not taken for duplicates")
    if parts != "fit":
        return Partition({parts: np.arange(len(y))}, {"split": {"rule": "one part"}, "duplicates": duplicates}, notes)
    if given is not None and (given == "valid").any():
        if valid_fraction is not None:
            raise BadValue(
                f"valid_fraction={valid_fraction} has no effect: the source has a validation part of its own. "
                "Leave it out."
            )
        splits = {part: np.flatnonzero(given == part) for part in ("train", "valid")}
        kept, dropped = _without_copies(splits["train"], splits["valid"], group_of)
        splits["train"] = kept
        duplicates["dropped_from_train"] = dropped
        if dropped:
            notes.append(f"{count(dropped, f'training {noun}')} left out: also in valid")
        facts: dict[str, Any] = {"rule": "given"}
        notes.append(f"split: as given, {_sizes(splits)}")
    else:
        rule = rule_for(kind, len(y), valid_fraction)
        splits = split_rows(strata_of(y, task), group_of, rule.fractions, seed)
        facts = {"rule": "made, stratified", "fractions": dict(rule.fractions), "seed": seed}
        if duplicates["extra"]:
            notes.append(f"{count(duplicates['extra'], 'duplicate')} kept on one side")
        notes.append(f"split: {_sizes(splits)}, stratified, seed {seed}" + (f" ({rule.reason})" if rule.reason else ""))
    empty = [part for part, rows in splits.items() if len(rows) == 0 and part in ("train", "valid")]
    if empty:
        raise BadData(
            f"No {noun} is left for {' and '.join(empty)}: of {len(y):,} {noun}s only "
            f"{len(np.unique(group_of)):,} differ. Expected several different ones in each class."
        )
    return Partition(splits, {"split": facts, "duplicates": duplicates}, notes)


def _duplicates(group_of: np.ndarray, y: np.ndarray, name: Callable[[int], str]) -> dict[str, Any]:
    repeated = np.flatnonzero(np.bincount(group_of)[group_of] > 1)
    order = repeated[np.argsort(group_of[repeated], kind="stable")]
    several = [g for g in np.split(order, np.flatnonzero(np.diff(group_of[order])) + 1) if len(g)]
    conflicts = [group for group in several if y.ndim == 1 and y.dtype.kind == "i" and len(np.unique(y[group])) > 1]
    return {
        "groups": len(several),
        "extra": sum(len(group) - 1 for group in several),
        "shown": [[name(int(row)) for row in group[:SHOWN]] for group in several[:SHOWN]],
        "conflicts": len(conflicts),
        "conflicts_shown": [[name(int(row)) for row in group[:SHOWN]] for group in conflicts[:SHOWN]],
        "dropped_from_train": 0,
    }


def _duplicate_notes(duplicates: dict[str, Any], noun: str) -> list[str]:
    if not duplicates["conflicts"]:
        return []
    first = duplicates["conflicts_shown"][0]
    return [
        f"{count(duplicates['conflicts'], f'{noun} stands', f'{noun}s stand')} under more than one class: "
        f"{' and '.join(first[:2])}; at least one label is wrong"
    ]


def _without_copies(train: np.ndarray, valid: np.ndarray, group_of: np.ndarray) -> tuple[np.ndarray, int]:
    copies = np.isin(group_of[train], group_of[valid])
    return train[~copies], int(copies.sum())


def _sizes(splits: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{len(rows):,} {part}" for part, rows in splits.items())
