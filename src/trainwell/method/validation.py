"""What the kept weights say to the validation samples, and what the network sees: files for whoever reads the run."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import nn

from trainwell.method.evaluation.figures import Figures, of_classes, of_values, reliability
from trainwell.method.evaluation.mistakes import mistaken
from trainwell.method.evaluation.pictures.sheet import MOST_SHOWN, contact_sheet
from trainwell.method.evaluation.sample import Sample
from trainwell.method.picture import inputs_picture
from trainwell.method.screen import Screen
from trainwell.record import MISTAKES, VALIDATION, RunFolder, replace
from trainwell.training.engine import Engine
from trainwell.training.evaluate import outputs
from trainwell.training.setup import Setup

MOST_CLASSES = 1000  # a confusion matrix of more is larger than the weights
_MOST_POINTS = 1000  # pairs of true and predicted values


def write_validation(folder: RunFolder, model: nn.Module, setup: Setup, engine: Engine, screen: Screen) -> None:
    """Write `validation.json`, `mistakes.png` and `inputs.png`, each where the data has it.

    They are for the eye alone: what keeps one from being made is said in a line, and costs the run nothing.

    Args:
        folder: The run.
        model: The network with the weights that were kept, on the engine's device.
        setup: What was trained.
        engine: How to compute.
        screen: Where to say what was left out.
    """
    try:
        forget_validation(folder)
        if "valid" in setup.feeds:
            _write_answers(folder, model, setup, engine, screen)
        inputs_picture(setup, folder)
    except Exception as error:
        screen.warn(f"the report will not show all of the validation samples: {type(error).__name__}: {error}")


def forget_validation(folder: RunFolder) -> None:
    """Remove what is known of other weights than those that are trained now."""
    for name in (VALIDATION, MISTAKES):
        (folder.path / name).unlink(missing_ok=True)


def _write_answers(folder: RunFolder, model: nn.Module, setup: Setup, engine: Engine, screen: Screen) -> None:
    data = setup.data
    if len(data.classes) > MOST_CLASSES:
        screen.say(f"{VALIDATION} is left out: {len(data.classes):,} classes, at most {MOST_CLASSES:,} are compared")
        return
    found, _ = outputs(model, setup.feeds["valid"], engine)
    predicted = found.double()
    if setup.target is not None:
        predicted = setup.target.inverse(predicted.view(len(predicted), -1))
    sample = Sample(data.source, data, data.splits["valid"], "valid", "fit")
    answers = predicted.numpy()
    if data.classes:
        answers = answers / answers.sum(1, keepdims=True)
        figures = of_classes(answers, sample.target, data.classes)
    else:
        figures = of_values(answers, sample.target)
    wrong = mistaken(answers, sample, data.classes)
    folder.write_json(VALIDATION, _content(figures, answers, sample, wrong))
    if data.kind == "images" and wrong:
        images = np.stack([data.x[each["row"]] for each in wrong[:MOST_SHOWN]])
        sheet = contact_sheet(images, wrong[:MOST_SHOWN], len(wrong), data.classes)
        replace(folder.path / MISTAKES, functools.partial(_save, sheet))


def _content(figures: Figures, answers: np.ndarray, sample: Sample, wrong: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of `validation.json`."""
    data, count = sample.data, len(sample.rows)
    about = {"count": count, "task": data.task, "classes": list(data.classes), "metrics": figures.metrics}
    worst = [_told(mistake) for mistake in wrong[:MOST_SHOWN]]
    if data.classes:
        bins = reliability(answers, sample.target)
        matrix = {"confusion": figures.confusion, "per_class": figures.per_class, "calibration": bins}
        return about | matrix | {"worst": worst}
    some = np.linspace(0, count - 1, min(count, _MOST_POINTS)).round().astype(int)
    points = np.stack((sample.target[some], answers[some]), axis=1)  # (n, 2, K)
    return about | {"points": (points[..., 0] if points.shape[2] == 1 else points).tolist(), "worst": worst}


def _told(mistake: dict[str, Any]) -> dict[str, Any]:
    """A mistake as the run keeps it: by name alone, since the row means nothing without the data."""
    told = {"name": mistake["file"], "said": mistake["said"], "true": mistake["true"]}
    if "error" in mistake:
        return told | {"error": mistake["error"]}
    return told | {"probability": mistake["probability"], "true_probability": mistake["probability_of_true"]}


def _save(picture: Image.Image, path: Path) -> None:
    picture.save(path, format="PNG")
