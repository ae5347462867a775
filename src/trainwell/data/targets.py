"""What is to be predicted: classes or numbers, told from the values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainwell.data.dataset import count, listed
from trainwell.errors import BadData

MAX_WHOLE_CLASSES = 20  # more different whole numbers are taken for a quantity


@dataclass(frozen=True, eq=False)
class Target:
    """Targets of N rows.

    Args:
        y: Class indices, int64 (N,), or numbers, float32 (N,) or (N, K).
        task: `classification` or `regression`.
        classes: Names by index; empty for regression.
        note: What it was taken for, and why.
    """

    y: np.ndarray
    task: str
    classes: tuple[str, ...]
    note: str


def read_target(
    values: np.ndarray, *, name: str, like: Mapping[str, Any] | None = None, whole_are_classes: bool = False
) -> Target:
    """Tell classification from regression.

    Words, truth values and up to 20 different whole numbers (each seen twice on average) are classes, as are floats
    that hold just two whole numbers, and rows of one 1 among 0s. Anything else is a number to predict.

    Args:
        values: Strings, booleans or numbers, (N,), (N, 1) or (N, K).
        name: What the target is called in messages.
        like: `decoding` of an earlier run, whose task and classes are kept.
        whole_are_classes: Take whole numbers for classes however many there are, as for the labels of images.

    Raises:
        BadData: A value is missing or infinite, a class is unknown, or the values are of another kind than `like` says.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2) or values.dtype.kind not in "biufUT":
        raise BadData(
            f"{name} has shape {values.shape} and type {values.dtype}. Expected one number, truth value or word a row, "
            "or a row of numbers."
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise BadData(f"{name} holds {count(bad, 'missing or infinite value')}. Remove those rows first.")
    if values.ndim == 2 and _one_hot(values):
        values, name, whole_are_classes = values.argmax(axis=1), f"{name} (one-hot)", True
    if like is not None:
        return _as_before(values, name, like)
    names, inverse = np.unique(values, return_inverse=True) if values.ndim == 1 else (values, np.empty(0, int))
    if values.ndim == 2 or not _are_classes(values, names, whole_are_classes):
        what = "whole numbers" if values.dtype.kind in "iu" else "numbers"
        many = f"{len(names):,} different {what}" if values.ndim == 1 else f"{values.shape[1]} numbers a row"
        return Target(values.astype(np.float32), "regression", (), f"regression: {name} holds {many}")
    classes = tuple(_word(value) for value in names)
    kinds = "value" if values.dtype.kind in "biuf" else "word"
    note = f"classification: {name} has {count(len(classes), f'different {kinds}')}"
    return Target(inverse.reshape(-1).astype(np.int64), "classification", classes, note)


def refuse_unlearnable(y: np.ndarray, classes: Sequence[str], noun: str, where: str) -> None:
    """Raise `BadData` unless there are two classes or more, each with two rows or more."""
    if len(classes) < 2:
        raise BadData(f"{where} has one class only: {listed(tuple(classes))}. Expected two or more to tell apart.")
    counts = np.bincount(y, minlength=len(classes))
    few = [f"{name} ({number})" for name, number in zip(classes, counts, strict=True) if number < 2]
    if few:
        raise BadData(
            f"{count(len(few), 'class', 'classes')} of {where} with fewer than 2 readable {noun}s: {listed(few)}. "
            "Expected at least one to learn from and one to check with. Add some, merge or remove the class."
        )


def class_facts(
    y: np.ndarray, classes: Sequence[str], splits: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], list[str]]:
    """Counts by part and class, with the imbalance of the part learnt from; and in words what stands out."""
    counts = {
        part: dict(zip(classes, np.bincount(y[rows], minlength=len(classes)).tolist(), strict=True))
        for part, rows in splits.items()
    }
    facts: dict[str, Any] = {"counts": counts}
    notes: list[str] = []
    if "train" not in counts:
        return facts, notes
    for part, numbers in counts.items():
        missing = [name for name, number in numbers.items() if number == 0]
        if missing and part == "train":
            raise BadData(
                f"Nothing is left to learn {listed(missing)} from: all of it is also in valid. "
                "Expected other rows there."
            )
        if missing:
            notes.append(f"{part} has none of {listed(missing)}")
    most = max(counts["train"], key=lambda name: counts["train"][name])
    least = min(counts["train"], key=lambda name: counts["train"][name])
    facts["imbalance"] = counts["train"][most] / counts["train"][least]
    if facts["imbalance"] >= 1.5:
        notes.append(
            f"imbalance: {facts['imbalance']:.1f} to 1 ({counts['train'][most]:,} of {most}, "
            f"{counts['train'][least]:,} of {least})"
        )
    return facts, notes


def _one_hot(values: np.ndarray) -> bool:
    return values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all())


def _are_classes(values: np.ndarray, names: np.ndarray, whole_are_classes: bool) -> bool:
    if values.dtype.kind in "bUT":
        return True
    if values.dtype.kind in "iu":
        return whole_are_classes or (len(names) <= MAX_WHOLE_CLASSES and 2 * len(names) <= len(values))
    return len(names) == 2 and len(values) > 3 and bool((names == np.round(names)).all())


def _word(value: Any) -> str:
    if isinstance(value, np.bool_ | bool):
        return "true" if value else "false"
    if isinstance(value, np.floating):
        return str(int(value))
    return str(value)


def _as_before(values: np.ndarray, name: str, like: Mapping[str, Any]) -> Target:
    if like["task"] == "regression":
        if values.dtype.kind not in "biuf":
            raise BadData(f"{name} holds words, and the model predicts numbers.")
        return Target(values.astype(np.float32), "regression", (), f"regression: {name}, as in the run")
    if values.ndim == 2:
        raise BadData(f"{name} holds {values.shape[1]} numbers a row, and the model tells classes apart.")
    index = {known: i for i, known in enumerate(like["classes"])}
    names, inverse = np.unique(values, return_inverse=True)
    words = [str(value) if values.dtype.kind == "f" and value != round(value) else _word(value) for value in names]
    strange = [word for word in words if word not in index]
    if strange:
        raise BadData(
            f"{name} holds {count(len(strange), 'class', 'classes')} the model does not know: {listed(strange)}. "
            f"It knows: {listed(like['classes'], 20)}."
        )
    y = np.array([index[word] for word in words], np.int64)[inverse.reshape(-1)]
    return Target(y, "classification", tuple(like["classes"]), f"classification: {name}, classes as in the run")
