"""Figures of merit of predictions, with scikit-learn, and the calibration of probabilities."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics

_BINS = 15


@dataclass(frozen=True)
class Figures:
    """How good predictions are.

    Args:
        metrics: By name, the main one first: `accuracy`, `log_loss`, `calibration_error`, `macro_f1`; or `r2`, `mae`,
            `rmse`.
        per_class: precision, recall, f1 and support by class name; empty in regression.
        confusion: Row: true class, column: predicted class, (C, C); empty in regression.
    """

    metrics: dict[str, float]
    per_class: dict[str, dict[str, float]]
    confusion: list[list[int]]


def of_classes(probabilities: np.ndarray, target: np.ndarray, classes: tuple[str, ...]) -> Figures:
    """Figures of a classifier.

    Args:
        probabilities: (n, C) float64, rows sum to 1.
        target: (n,) classes.
        classes: Their names.
    """
    numbers = list(range(len(classes)))
    said = probabilities.argmax(1)
    table = metrics.precision_recall_fscore_support(target, said, labels=numbers, zero_division=0)
    precision, recall, f1, support = table
    return Figures(
        metrics={
            "accuracy": float(metrics.accuracy_score(target, said)),
            "log_loss": float(metrics.log_loss(target, probabilities, labels=numbers)),
            "calibration_error": calibration_error(probabilities, target),
            "macro_f1": float(metrics.f1_score(target, said, labels=numbers, average="macro", zero_division=0)),
        },
        per_class={
            name: {
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
                "support": int(support[k]),
            }
            for k, name in enumerate(classes)
        },
        confusion=metrics.confusion_matrix(target, said, labels=numbers).tolist(),
    )


def of_values(values: np.ndarray, target: np.ndarray) -> Figures:
    """Figures of a regression, (n, K) each."""
    scorers: dict[str, Callable[..., float]] = {
        "r2": metrics.r2_score,
        "mae": metrics.mean_absolute_error,
        "rmse": metrics.root_mean_squared_error,
    }
    return Figures({name: float(scorer(target, values)) for name, scorer in scorers.items()}, {}, [])


def reliability(probabilities: np.ndarray, target: np.ndarray) -> list[dict[str, Any]]:
    """Confidence and accuracy in 15 bins of confidence of equal width; a bin without samples has neither.

    Args:
        probabilities: (n, C), rows sum to 1.
        target: (n,) classes.
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == target
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = []
    for number in range(_BINS):
        inside = place == number
        count = int(inside.sum())
        bins.append(
            {
                "from": number / _BINS,
                "to": (number + 1) / _BINS,
                "count": count,
                "confidence": float(confidence[inside].mean()) if count else None,
                "accuracy": float(right[inside].mean()) if count else None,
            }
        )
    return bins


def calibration_error(probabilities: np.ndarray, target: np.ndarray) -> float:
    """Expected calibration error: how far confidence is from accuracy, over the bins of `reliability`.

    Args:
        probabilities: (n, C), rows sum to 1.
        target: (n,) classes.

    Reference:
        Guo et al., "On Calibration of Modern Neural Networks", 2017, section 2.
    """
    filled = [each for each in reliability(probabilities, target) if each["count"]]
    return float(sum(each["count"] * abs(each["confidence"] - each["accuracy"]) for each in filled) / len(target))
