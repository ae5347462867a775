"""Reference: what simple learners reach on the same samples, and what needs no inputs at all.

They know nothing of networks: where they do well and the network does not, the fault is not with the data.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from trainwell.probes.contents import gathered
from trainwell.probes.parts import Parts, Task
from trainwell.probes.samples import Samples

_TRAINED, _SCORED = 1500, 500  # samples
_COLUMNS = 64  # beyond which only the main directions are kept


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Accuracy, or R2 not below 0, on validation samples.

    Args:
        num_train: Samples the learners saw; at most 1500.
        num_valid: Samples they were scored on; at most 500.
        constant: Of the commonest class, or 0 for R2.
        linear: Of logistic or ridge regression on standardised inputs.
        neighbours: Of the five nearest neighbours.
        forest: Of a random forest of 50 trees.
        best: The largest of these.
        least_class: Recall of the class that the best learner recalls least, of classes with five samples or more; None
            for regression.
    """

    num_train: int
    num_valid: int
    constant: float
    linear: float
    neighbours: float
    forest: float
    best: float
    least_class: float | None


def reference(parts: Parts) -> Reference | None:
    """Fit simple learners to the training samples; None where samples are not rows of numbers with one target each.

    Args:
        parts: Whose samples are looked at; nothing is trained on a copy of the network.
    """
    train, valid = _table(parts.train, parts.task, _TRAINED), _table(parts.valid, parts.task, _SCORED)
    if train is None or valid is None or train[0].shape[1] != valid[0].shape[1] or len(train[0]) < 10:
        return None
    (x, y), (x_valid, y_valid) = train, valid
    classes = parts.task == "classification"
    if len(np.unique(y)) < 2 or len(x_valid) < 2:
        return None
    learners = (
        (
            LogisticRegression(C=0.3, max_iter=200),
            KNeighborsClassifier(min(5, len(x))),
            RandomForestClassifier(50, random_state=0),
        )
        if classes
        else (Ridge(1.0), KNeighborsRegressor(min(5, len(x))), RandomForestRegressor(50, random_state=0))
    )
    rates, answers = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a learner that has not converged is a weaker reference, and no news
        for learner in learners:
            steps = [StandardScaler(), *([PCA(_COLUMNS, random_state=0)] if x.shape[1] > _COLUMNS < len(x) else [])]
            answers.append(make_pipeline(*steps, learner).fit(x, y).predict(x_valid))
            rates.append(_rate(answers[-1], y_valid, classes))
    best = int(np.argmax(rates))
    values, counts = np.unique(y, return_counts=True)
    constant = float(np.mean(y_valid == values[counts.argmax()])) if classes else 0.0
    return Reference(
        num_train=len(x),
        num_valid=len(x_valid),
        constant=constant,
        linear=rates[0],
        neighbours=rates[1],
        forest=rates[2],
        best=max(*rates, constant),
        least_class=_least(answers[best], y_valid) if classes else None,
    )


def _rate(answer: np.ndarray, wanted: np.ndarray, classes: bool) -> float:
    if classes:
        return float(np.mean(answer == wanted))
    total = float(np.square(wanted - wanted.mean(0)).sum())
    return max(0.0, 1 - float(np.square(answer.reshape(wanted.shape) - wanted).sum()) / total) if total else 0.0


def _least(answer: np.ndarray, wanted: np.ndarray) -> float | None:
    recalls = [np.mean(answer[wanted == value] == value) for value in np.unique(wanted) if np.sum(wanted == value) >= 5]
    return float(min(recalls)) if recalls else None


def _table(samples: Samples, task: Task, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))[:count]
    batch = samples.batch(order)
    columns = [_flat(parts[0]) for parts in gathered([batch], 0).values()]
    targets = [parts[0] for parts in gathered([batch], 1).values()]
    if not columns or not targets or any(len(part) != len(order) for part in (*columns, targets[0])):
        return None
    x = torch.cat(columns, dim=1).numpy()
    y = classes_of(targets[0]) if task == "classification" else targets[0].double().reshape(len(order), -1)
    if y is None:
        return None
    fine = np.isfinite(x).all(axis=1) & np.isfinite(y.double().reshape(len(y), -1).numpy()).all(axis=1)
    return x[fine], y.numpy()[fine]


def _flat(part: Tensor) -> Tensor:
    return part.double().reshape(len(part), -1)


def classes_of(target: Tensor) -> Tensor | None:
    """Class numbers, (N,) int64, from class numbers, one-hot rows, or a column of 0 and 1 or of -1 and 1."""
    rows = target.reshape(len(target), -1)
    if rows.shape[1] > 1:
        return rows.argmax(1) if bool(((rows.double().sum(1) - 1).abs() < 1e-3).all()) else None
    column = rows[:, 0].double()
    return (column > 0).long() if bool((column < 0).any()) else column.round().long()
