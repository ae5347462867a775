"""Confusion: what the kept weights say to the validation samples, and whether their probabilities can be trusted."""

import math
from collections.abc import Sequence
from typing import Any

from trainwell.report.charts.matrix import MOST_NUMBERED, matrix
from trainwell.report.charts.scatter import Dot, scatter
from trainwell.report.render import figure, render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.words import number

_MOST_PAIRS = 10
_MOST_CLASSES = 30  # rows of the table that are not folded away
_MOST_POINTS = 400
_MOST_COLUMNS = 4  # of a regression
_NAMES = {"log_loss": "log loss", "macro_f1": "macro F1", "r2": "R²", "mae": "mean absolute error",
          "rmse": "root mean squared error"}  # fmt: skip


def confusion(story: Story) -> Section | None:
    """Predictions for the validation split; None where the run has none."""
    found = story.validation
    if found is None:
        return None
    metrics = [(_NAMES.get(name, name.replace("_", " ")), number(value)) for name, value in found["metrics"].items()]
    if not found["classes"]:
        html = render("confusion.html", metrics=metrics, figures=_values(found), pairs=[], classes=[], rest=[])
        return Section("confusion", "Predicted against true", html, _regression_words(found))
    rows = _classes(found)
    html = render(
        "confusion.html",
        metrics=metrics,
        figures=[_matrix(found), _calibration(found)],
        pairs=_pairs(found)[:_MOST_PAIRS],
        classes=rows[:_MOST_CLASSES],
        rest=rows[_MOST_CLASSES:],
    )
    return Section("confusion", "Confusion", html, _words(found))


def _words(found: dict[str, Any]) -> str:
    """How many are right, and what is most often taken for what."""
    right = sum(row[place] for place, row in enumerate(found["confusion"]))
    words = f"{right:,} of {found['count']:,} validation samples are right ({right / found['count']:.1%})."
    pairs = _pairs(found)
    if pairs:
        true, said, count, _ = pairs[0]
        words += f" The most frequent mistake: {true} taken for {said}, {count:,} times."
    return words


def _matrix(found: dict[str, Any]) -> Any:
    names = found["classes"]
    caption = "A row is a true class, a column what was said; the fuller a cell, the larger its share of the row."
    if len(names) > MOST_NUMBERED:
        caption += " The table below has the numbers of the classes."
    svg = matrix("Which class is taken for which", _words(found), found["confusion"], names)
    return figure(svg, caption)


def _pairs(found: dict[str, Any]) -> list[tuple[str, str, int, str]]:
    """True class, what was said, how often, and the share of the true class; the most frequent first."""
    names = found["classes"]
    counted = [
        (count, row, column, sum(counts))
        for row, counts in enumerate(found["confusion"])
        for column, count in enumerate(counts)
        if count and row != column
    ]
    counted.sort(key=lambda one: (-one[0], -one[0] / one[3], one[1], one[2]))
    return [(names[row], names[column], count, f"{count / total:.1%}") for count, row, column, total in counted]


def _classes(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Name, recall, precision, F1 and samples of each class, the least recall first; those without samples last."""
    many = len(found["classes"]) > MOST_NUMBERED
    each = sorted(found["per_class"].items(), key=lambda one: (one[1]["support"] == 0, one[1]["recall"]))
    places = {name: place for place, name in enumerate(found["classes"], 1)}
    return [
        (
            f"{places[name]:,}. {name}" if many else name,
            *(f"{one[what]:.3f}" if one["support"] else "–" for what in ("recall", "precision", "f1")),
            f"{one['support']:,}",
        )
        for name, one in each
    ]


def _calibration(found: dict[str, Any]) -> Any:
    """Accuracy against confidence, bin by bin."""
    bins = [one for one in found["calibration"] if one["count"]]
    most = max(one["count"] for one in bins)
    dots = [
        Dot(
            one["confidence"],
            one["accuracy"],
            name="samples",
            at=f"{one['from']:.2f} to {one['to']:.2f}",
            text=f"{one['accuracy']:.1%} of {one['count']:,} right",
            radius=3.0 + 9.0 * math.sqrt(one["count"] / most),
        )
        for one in bins
    ]
    error = found["metrics"]["calibration_error"]
    sure = sum(one["count"] * (one["confidence"] - one["accuracy"]) for one in bins) / found["count"]
    leaning = "surer than they are right" if sure > 0 else "less sure than they are right"
    words = f"The probabilities are off by {error:.3f} on average; on the whole they are {leaning}, by {abs(sure):.3f}."
    svg = scatter(
        f"Calibration: error {error:.3f}",
        words,
        dots,
        x_label="probability of what was said",
        y_label="share that is right",
        span=(0.0, 1.05),
        reads="probability",
        diagonal=True,
    )
    caption = (
        f"{words} On the dotted line a probability of 0.9 is right nine times in ten; a larger mark has more samples."
    )
    return figure(svg, caption)


def _regression_words(found: dict[str, Any]) -> str:
    metrics = found["metrics"]
    return (
        f"On {found['count']:,} validation samples R² is {number(metrics['r2'])}; a prediction is off by "
        f"{number(metrics['mae'])} on average."
    )


def _values(found: dict[str, Any]) -> list[Any]:
    """Predicted against true values, and what is left over, for each column."""
    points = found["points"]
    points = points[:: max(1, math.ceil(len(points) / _MOST_POINTS))]
    columns: Sequence[Sequence[tuple[float, float]]] = [points]
    if isinstance(points[0][0], list):
        columns = [[(true[k], said[k]) for true, said in points] for k in range(min(len(points[0][0]), _MOST_COLUMNS))]
    drawn = []
    for place, pairs in enumerate(columns):
        which = f", column {place + 1}" if len(columns) > 1 else ""
        both = [value for pair in pairs for value in pair]
        room = 0.05 * (max(both) - min(both)) or 1.0
        svg = scatter(
            f"Predicted against true{which}",
            f"{len(pairs)} validation samples; on the dotted line a prediction is right.",
            [Dot(true, said, at=number(true), text=f"predicted {number(said)}") for true, said in pairs],
            x_label="true",
            y_label="predicted",
            span=(min(both) - room, max(both) + room),
            reads="true",
            diagonal=True,
        )
        drawn.append(figure(svg, "On the dotted line a prediction is right."))
        svg = scatter(
            f"What is left over{which}",
            "Predicted less true value, by the prediction; without a pattern there is nothing left to learn from.",
            [Dot(said, said - true, at=number(said), text=f"off by {number(said - true)}") for true, said in pairs],
            x_label="predicted",
            y_label="predicted − true",
            reads="predicted",
            level=0.0,
        )
        drawn.append(figure(svg, "Predicted less true value: a bend or a funnel is something that was not learnt."))
    return drawn
