"""`evaluate`: metrics of a run on data, from its folder alone; views, calibration and another run beside on request."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from trainwell.data.views import Views
from trainwell.errors import BadData, BadValue
from trainwell.method.compare import Comparison, compare_errors, compare_right
from trainwell.method.evaluation.answering import OWN_VIEWS, Answering, Answers
from trainwell.method.evaluation.figures import Figures, of_classes, of_values, reliability
from trainwell.method.evaluation.mistakes import mistaken
from trainwell.method.evaluation.sample import Sample, choose, same_samples, seen, trained_on
from trainwell.method.evaluation.temperature import COLDEST, HOTTEST, NO_PROBABILITIES, fit_temperature, tempered
from trainwell.method.evaluation.written import refuse_folder, write
from trainwell.method.look import Options
from trainwell.method.run import Run
from trainwell.method.screen import Screen, Silent

_FEW = 100  # validation rows under which it is said that a temperature rests on few
MOST_MISTAKES = 25  # in `Evaluation.mistakes`; all of them are in the file


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
        views: What predictions were averaged over (`text`, `count`), what it took (`seconds`, `ratio` to one view) and,
            where views were asked for, `beside`: fewer views with their `metrics` and the `test` of the difference.
        reliability: Confidence and accuracy in bins of confidence; empty in regression.
        mistakes: The worst, each with file, truth, answer and probabilities (or error).
        temperature: Where asked for: its `value`, the rows it was fitted on, and `calibration_error` and `log_loss`
            before and after.
        against: Where asked for: the test against another run; see `Comparison`.
        written: Files that were written.
        predicted: Probabilities, (n, C), or values, (n, K), in the order of the samples; not in `json`.
        target: Classes, (n,), or values, (n, K); not in `json`.
    """

    part: str
    count: int
    metrics: dict[str, float]
    per_class: dict[str, dict[str, float]]
    confusion: list[list[int]]
    classes: list[str]
    quarantined: list[dict[str, str]]
    seen: int
    views: dict[str, Any]
    reliability: list[dict[str, Any]]
    mistakes: list[dict[str, Any]]
    temperature: dict[str, Any] | None
    against: dict[str, Any] | None
    written: list[str]
    predicted: np.ndarray = field(repr=False, compare=False)
    target: np.ndarray = field(repr=False, compare=False)

    def json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {name: value for name, value in vars(self).items() if name not in ("predicted", "target")}


def evaluate(
    run: Run | str | Path,
    source: Any,
    *,
    model: nn.Module | None = None,
    views: Views | None = None,
    temperature: bool = False,
    against: Run | str | Path | None = None,
    out: str | Path | None = None,
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
        views: Crops, scales and mirror images to average over; None takes what the run's recipe says.
        temperature: Whether to divide the logits by the temperature that fits the run's validation rows best.
        against: Another run, to be compared on the same samples.
        out: Folder for pictures and tables of the evaluation; None writes nothing.
        options: Options; `device`, `cache`, `max_broken` and `target` matter.
        screen: Where to say what happens.

    Raises:
        BadRun: The folder holds no run with weights, or is asked to take the files of an evaluation.
        BadData: The data does not fit the run: other classes, columns or channels.
        BadValue: Views or a temperature that cannot be had of such data.
    """
    run = run if isinstance(run, Run) else Run(run)
    other = against if isinstance(against, Run) or against is None else Run(against)
    options, screen = options or Options(), screen or Silent()
    if out is not None:
        refuse_folder(Path(out))
    answering = Answering(run, options, screen, model)
    if temperature:
        _refuse_temperature(run)
    if views is not None:
        answering.refuse(views)
    sample = choose(run, source, options, screen)
    for broken in sample.data.quarantined:
        screen.warn(f"set aside: {broken.path}: {broken.reason}")
    known = seen(run, sample) if sample.part == "test" else 0
    if known:
        screen.warn(
            f"{known:,} of these {len(sample.rows):,} samples are among those the run was trained on or chosen "
            "by: the figures are too good. Evaluate on data that it has not seen."
        )
    if views is not None:
        answering.advise(views, sample)
    classes = tuple(answering.description["classes"])
    fewer = _fewer(views, answering)
    if fewer:
        answering.warm_up(sample)
    beside = [answering.answer(sample, name) for name in fewer]
    answers = answering.answer(sample, views)
    predicted, scaled = answers.predicted, None
    if temperature:
        scaled = _temperature(answering, sample, views, predicted)
        predicted = tempered(predicted, scaled["value"])
    figures = _figures(predicted, sample.target, classes)
    compared = None
    if other is not None:
        compared = _against(run, other, sample, views, answers.predicted, options, screen)
    all_mistakes = mistaken(predicted, sample, classes)
    found = Evaluation(
        part=sample.part,
        count=len(sample.rows),
        metrics=figures.metrics,
        per_class=figures.per_class,
        confusion=figures.confusion,
        classes=list(classes),
        quarantined=[vars(broken) for broken in sample.data.quarantined],
        seen=known,
        views=_views(answers, beside, sample.target, classes),
        reliability=reliability(predicted, sample.target) if classes else [],
        mistakes=all_mistakes[:MOST_MISTAKES],
        temperature=scaled,
        against=compared,
        written=[],
        predicted=predicted,
        target=sample.target,
    )
    if out is not None:
        found.written.extend(write(Path(out), found.json(), all_mistakes, sample, screen))
    return found


def _figures(predicted: np.ndarray, target: np.ndarray, classes: tuple[str, ...]) -> Figures:
    return of_classes(predicted, target, classes) if classes else of_values(predicted, target)


def _fewer(views: Views | None, answering: Answering) -> list[str]:
    """What the views asked for are to be held against: one view, and those of the run's recipe."""
    if views is None:
        return []
    names = ["one", *([answering.description["views"]] if answering.description["views"] != "one" else [])]
    return names[1:] if views == Views() else names


def _views(answers: Answers, beside: list[Answers], target: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    """The average that was taken, its cost, and what is gained over fewer views."""
    gains = []
    for fewer in beside:
        both = [_figures(each.predicted, target, classes).metrics for each in (answers, fewer)]
        names = (
            "the average" if answers.count > 1 else answers.views.removeprefix("1 view: "),
            OWN_VIEWS["one"] if fewer.count == 1 else "the average of the recipe",
        )
        test = _compared(names, (answers.predicted, fewer.predicted), (target, target), (classes, classes), both)
        gains.append(
            {"views": fewer.views, "count": fewer.count, "seconds": fewer.seconds, "metrics": both[1]}
            | {"test": test.json()}
        )
    return {
        "text": answers.views,
        "count": answers.count,
        "seconds": answers.seconds,
        "milliseconds_a_sample": 1000 * answers.seconds / len(target),
        "metrics": _figures(answers.predicted, target, classes).metrics,
        "ratio": next((answers.seconds / b.seconds for b in beside if b.views == OWN_VIEWS["one"]), None),
        "beside": gains,
    }


def _compared(
    names: tuple[str, str],
    predicted: tuple[np.ndarray, np.ndarray],
    targets: tuple[np.ndarray, np.ndarray],
    classes: tuple[tuple[str, ...], tuple[str, ...]],
    metrics: list[dict[str, float]],
) -> Comparison:
    """The paired test of two answers to the same samples; each has its own order of the classes."""
    both = metrics[0], metrics[1]
    if classes[0]:
        right = [answers.argmax(1) == target for answers, target in zip(predicted, targets, strict=True)]
        return compare_right(names, (right[0], right[1]), both)
    errors = [np.square(answers - target).mean(1) for answers, target in zip(predicted, targets, strict=True)]
    return compare_errors(names, (errors[0], errors[1]), both)


def _refuse_temperature(run: Run) -> None:
    if run.description()["task"] != "classification":
        raise BadValue(NO_PROBABILITIES)
    source = run.data["source"]
    if source == "arrays in memory" or run.description()["kind"] == "own":
        raise BadValue(
            "The temperature is fitted on the run's validation rows, and this run was trained on data in memory, which "
            "is not at hand. Train from a file or folder to have it."
        )


def _temperature(answering: Answering, sample: Sample, views: Views | None, predicted: np.ndarray) -> dict[str, Any]:
    """Fit the temperature on the run's validation rows, and what it changes on the samples."""
    run, source, screen = answering.run, answering.run.data["source"], answering.screen
    valid = trained_on(run, source, answering.options, screen, part="valid")
    if valid is None:
        raise BadData(
            f"The temperature is fitted on the run's validation rows, and {source} has changed since the run was "
            "trained on it, or has none. Train anew, or leave --temperature out."
        )
    if sample.part == "valid":
        screen.warn(
            "the temperature is fitted on the very rows that are scored: the calibration error after it is too good"
        )
    if len(valid.rows) < _FEW:
        screen.warn(f"the temperature is fitted on {len(valid.rows)} validation rows alone: it is a rough one")
    answers = answering.answer(valid, views)
    value = fit_temperature(answers.predicted, valid.target)
    if value < COLDEST * 1.01 or value > HOTTEST / 1.01:
        screen.warn(
            f"the temperature lies at the end of its range, {value:.3g}: the validation rows do not settle it "
            "(all of them are right, or none is)"
        )
    classes = tuple(answering.description["classes"])
    before, after = (of_classes(p, sample.target, classes).metrics for p in (predicted, tempered(predicted, value)))
    return {
        "value": value,
        "fitted_on": f"{len(valid.rows):,} validation rows of {source}",
        **{name: {"before": before[name], "after": after[name]} for name in ("calibration_error", "log_loss")},
    }


def _against(
    run: Run,
    other: Run,
    sample: Sample,
    views: Views | None,
    predicted: np.ndarray,
    options: Options,
    screen: Screen,
) -> dict[str, Any]:
    """Another run on the same samples, and the test of the difference; of both without a temperature."""
    theirs = same_samples(sample, other, options, screen)
    known = seen(other, theirs)
    if known:
        screen.warn(
            f"{known:,} of these {len(theirs.rows):,} samples are among those {other.path} was trained on or chosen "
            "by: its figures are too good."
        )
    answering = Answering(other, options, screen)
    answers = answering.answer(theirs, views)
    classes = tuple(run.description()["classes"]), tuple(answering.description["classes"])
    both, targets = (predicted, answers.predicted), (sample.target, theirs.target)
    metrics = [_figures(*each).metrics for each in zip(both, targets, classes, strict=True)]
    test = _compared((str(run.path), str(other.path)), both, targets, classes, metrics)
    return {**test.json(), "seen": known, "views": answers.views}
