"""`evaluate`: metrics of a run on data, from its folder alone."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import metrics
from torch import nn

from trainwell.data.dataset import Data, sample_digests
from trainwell.errors import BadData
from trainwell.method.look import Options, read
from trainwell.method.run import Run
from trainwell.method.screen import Screen, Silent
from trainwell.record import SAMPLES
from trainwell.training.engine import Engine, running
from trainwell.training.evaluate import outputs
from trainwell.training.machine import pick_device, usable_threads
from trainwell.training.setup import make_feeds

_BINS = 15


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a run on data.

    Args:
        part: Which rows were looked at, in words.
        count: How many.
        metrics: By name: `accuracy`, `log_loss`, `calibration_error`, `macro_f1`; or `r2`, `mae`, `rmse`.
        per_class: precision, recall, f1 and support by class name; empty in regression.
        confusion: Row: true class, column: predicted class, (C, C); empty in regression.
        classes: Names in the order of `confusion`.
        quarantined: Broken files that were set aside, with the reason.
        seen: How many of the rows the run was trained on or chosen by; their answers are known to it.
    """

    part: str
    count: int
    metrics: dict[str, float]
    per_class: dict[str, dict[str, float]]
    confusion: list[list[int]]
    classes: list[str]
    quarantined: list[dict[str, str]]
    seen: int

    def json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return dict(vars(self))


def evaluate(
    run: Run | str | Path,
    source: Any,
    *,
    model: nn.Module | None = None,
    options: Options | None = None,
    screen: Screen | None = None,
) -> Evaluation:
    """Score a run's weights on data it has not learnt from.

    A folder or file with a test part is scored on that part. The data the run was trained on, where it has no test
    part, is scored on the rows set aside: the held-out ones, or else the validation ones.

    Args:
        run: The run, or its folder.
        source: Data as `fit` takes it.
        model: The network object, where the run was made with one's own.
        options: Options; `device`, `cache`, `max_broken` and `target` matter.
        screen: Where to say what happens.

    Raises:
        BadRun: The folder holds no run with weights.
        BadData: The data does not fit the run: other classes, columns or channels.
    """
    run = run if isinstance(run, Run) else Run(run)
    options, screen = options or Options(), screen or Silent()
    description, stored = run.description(), run.data
    network = run.model(model)
    data, split, part = _rows(run, source, options, screen, description, stored)
    for broken in data.quarantined:
        screen.warn(f"set aside: {broken.path}: {broken.reason}")
    seen = 0 if split in stored["splits"] else _seen(run, data, split)
    if seen:
        screen.warn(
            f"{seen:,} of these {len(data.splits[split]):,} samples are among those the run was trained on or chosen "
            "by: the figures are too good. Evaluate on data that it has not seen."
        )
    recipe = run.recipe
    device = pick_device(options.device)
    engine = Engine(device, recipe.precision, recipe.layout, False, recipe.threads or usable_threads())
    feed = make_feeds(data, recipe, device, run.preprocessing(), run.target())[split]
    if len(feed) == 0:
        raise BadData("There is nothing to evaluate: the data has no samples.")
    with running(engine):
        predicted, target = outputs(engine.place(network), feed, engine, description["views"])
    shared = {"part": part, "count": len(target), "quarantined": [vars(q) for q in data.quarantined], "seen": seen}
    if description["task"] == "classification":
        return _classification(predicted.numpy(), target.numpy(), description["classes"], shared)
    scale = run.target()
    assert scale is not None, "a regression run has standardised targets"
    return _regression(scale.inverse(predicted).numpy(), scale.inverse(target).numpy(), shared)


def _seen(run: Run, data: Data, split: str) -> int:
    """How many samples are copies of what the run has seen; 0 where rows repeat by nature: tables of few values."""
    if not run.folder.has(SAMPLES) or not isinstance(data.x, np.ndarray):
        return 0
    parts = run.folder.read_tensors(SAMPLES)[0]
    known = np.concatenate([found.numpy() for name, found in parts.items() if name != "heldout"])
    if 2 * len(np.unique(known)) < len(known):
        return 0
    return int(np.isin(sample_digests(data.x, data.splits[split]), known).sum())


def _rows(
    run: Run, source: Any, options: Options, screen: Screen, description: dict[str, Any], stored: dict[str, Any]
) -> tuple[Data, str, str]:
    """The data, the split to score, and what it is in words."""
    recipe = run.recipe
    edits = {
        "seed": str(recipe.seed),
        "image_size": str(recipe.image_size),
        "valid_fraction": str(recipe.valid_fraction),
    }
    if str(source) == stored["source"] and not _has_test_part(source):
        data = read(source, options, screen, parts="fit", edits=edits)
        if data.fingerprint == stored["fingerprint"]:
            split = "heldout" if "heldout" in data.splits else "valid"
            words = (
                "held-out rows, which chose nothing"
                if split == "heldout"
                else "validation rows, which chose the weights"
            )
            screen.say(f"{source} is what this run was trained on: scoring its {len(data.splits[split])} {words}")
            return data, split, split
    data = read(source, options, screen, parts="test", like=description["decoding"])
    return data, "test", "test"


def _has_test_part(source: Any) -> bool:
    return isinstance(source, str | Path) and (Path(source) / "test").is_dir()


def _classification(
    probabilities: np.ndarray, target: np.ndarray, classes: list[str], shared: dict[str, Any]
) -> Evaluation:
    numbers = list(range(len(classes)))
    probabilities = probabilities.astype(np.float64)
    probabilities /= probabilities.sum(1, keepdims=True)  # float32 rows miss 1 by more than log_loss takes
    predicted = probabilities.argmax(1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        target, predicted, labels=numbers, zero_division=0
    )
    return Evaluation(
        metrics={
            "accuracy": float(metrics.accuracy_score(target, predicted)),
            "log_loss": float(metrics.log_loss(target, probabilities, labels=numbers)),
            "calibration_error": calibration_error(probabilities, target),
            "macro_f1": float(metrics.f1_score(target, predicted, labels=numbers, average="macro", zero_division=0)),
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
        confusion=metrics.confusion_matrix(target, predicted, labels=numbers).tolist(),
        classes=list(classes),
        **shared,
    )


def _regression(predicted: np.ndarray, target: np.ndarray, shared: dict[str, Any]) -> Evaluation:
    scorers: dict[str, Callable[..., float]] = {
        "r2": metrics.r2_score,
        "mae": metrics.mean_absolute_error,
        "rmse": metrics.root_mean_squared_error,
    }
    found = {name: float(scorer(target, predicted)) for name, scorer in scorers.items()}
    return Evaluation(metrics=found, per_class={}, confusion=[], classes=[], **shared)


def calibration_error(probabilities: np.ndarray, target: np.ndarray) -> float:
    """Expected calibration error: how far confidence is from accuracy, over 15 bins of equal width.

    Args:
        probabilities: (n, C), rows sum to 1.
        target: (n,) classes.

    Reference:
        Guo et al., "On Calibration of Modern Neural Networks", 2017, section 2.
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == target
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    count = np.bincount(place, minlength=_BINS)
    gaps = np.abs(np.bincount(place, confidence, _BINS) - np.bincount(place, right, _BINS))
    return float(gaps.sum() / count.sum())
