"""Curves: how the losses, the scores and what was measured of each step went, and which epoch was kept."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.report.charts.scale import short_text
from trainwell.report.progress import progress
from trainwell.report.render import figure, render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.thin import thin
from trainwell.report.words import number

LOSSES = ("train_loss", "valid_loss", "objective", "loss")  # of epochs, and last that of single batches
SCORES = ("balanced_accuracy", "accuracy", "r2")
# Measurements that have a picture by layer of their own; see the section on health.
BY_LAYER = ("dead_units", "saturation", "activation_scale", "gradient_flow", "weight_norm")
USUAL_UPDATE = (1e-4, 1e-2)  # as the card of the measurement update_ratio has it
_THUMB = 1e-3
_SHOWN = {"step", "lr", "loss", "clipped"}
_DECADES = 30.0  # a factor between the ends from which an axis is logarithmic
_ROUNDED = 1e-3  # epochs by which the kept epoch and its line may differ
_MOST_ROWS = 100  # of a table
_ROOM = 1.01  # behind the last step, as a factor
_TITLES = {"gradient_norm": "Gradient norm", "update_ratio": "Update over weight", "clipped_share": "Clipped share",
           "loss_noise": "Noise of the loss"}  # fmt: skip
_READ = {
    "no-learning", "overfitting", "still-rising", "divergence", "diverging-loss", "oscillating-loss",
    "loss-not-decreasing", "underfitting", "too-few-epochs", "learning-rate-too-high", "learning-rate-too-low",
}  # fmt: skip

Columns = Mapping[str, tuple[np.ndarray, np.ndarray]]


def curves(story: Story) -> Section | None:
    """What went up and down in the training; None before the first line of it."""
    figures = [*_scored(story), *_measured(story)]
    if not figures:
        return None
    findings = [one for one in story.findings if one.get("problem") in _READ]
    return Section("curves", "Curves", render("curves.html", figures=figures, findings=findings), _words(story))


def score_of(story: Story) -> str | None:
    """The score of the epoch lines by which a run is read; None where there is none."""
    return next((name for name in SCORES if f"train_{name}" in story.epochs), None)


def _words(story: Story) -> str:
    name = score_of(story)
    if name is None:
        count = len(story.measures)
        return f"No epoch has ended yet; {count:,} {'step was' if count == 1 else 'steps were'} measured."
    split, word = ("valid", "Validation") if f"valid_{name}" in story.epochs else ("train", "Training")
    scores = story.epochs[f"{split}_{name}"]
    if np.isnan(scores).all():
        return f"{word} {name.replace('_', ' ')} was never a number."
    epochs, shown = story.epochs["epoch"], "R²" if name == "r2" else name.replace("_", " ")
    kept = story.verdict.get("kept_epoch")
    found = np.zeros(0, int) if kept is None else np.flatnonzero(np.abs(epochs - kept) < _ROUNDED)
    if len(found):
        place = int(found[-1])
        told = f"The weights of epoch {number(epochs[place])} were kept: {word.lower()} {shown} {scores[place]:.4f}"
    else:
        place = int(np.nanargmax(scores))
        told = f"{word} {shown} is best at epoch {number(epochs[place])}: {scores[place]:.4f}"
    if split == "train":
        return f"{told}; there are no validation samples."
    trained = story.epochs[f"train_{name}"][place]
    if trained == scores[place]:
        return f"{told}, and the same in training."
    side = "above" if trained >= scores[place] else "below"
    return f"{told}, and {trained:.4f} in training, {abs(trained - scores[place]):.4f} {side} it."


def _scored(story: Story) -> Iterator[Markup]:
    """Losses and scores of the epoch lines, with the losses of single steps behind."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in LOSSES[:-1]:
        if name in story.epochs:
            found[name] = _with_head(story, name)
    if "loss" in story.measures:
        found["loss"] = (progress(story, story.measures["step"])[0], story.measures["loss"])
    if found:
        yield _chart(story, "Loss", "loss", found, "Loss by epoch: that of training against that of validation.")
    for name in SCORES:
        parts = [f"{part}_{name}" for part in ("train", "valid") if f"{part}_{name}" in story.epochs]
        if parts:
            title = "R²" if name == "r2" else name.replace("_", " ").capitalize()
            of = {part: _with_head(story, part) for part in parts}
            yield _chart(story, title, title.lower() if name != "r2" else title, of, f"{title} by epoch.")


def _measured(story: Story) -> Iterator[Markup]:
    """The rate, and what was measured of single steps."""
    steps = [(series["step"], series["lr"]) for series in (story.epochs, story.measures) if "lr" in series]
    if steps:
        at, rates = (np.concatenate(columns) for columns in zip(*steps, strict=True))
        order = np.unique(at, return_index=True)[1]
        shown = {"lr": (progress(story, at[order])[0], rates[order])}
        yield _chart(story, "Learning rate", "rate", shown, "Learning rate by epoch.")
    if not len(story.measures):
        return
    times = progress(story, story.measures["step"])[0]
    whole = [prefix for prefix in BY_LAYER if story.measures.names(f"{prefix}.")]
    for name in sorted(story.measures, key=lambda name: name not in _TITLES):
        if name in _SHOWN or name.startswith(tuple(whole)) or np.isnan(story.measures[name]).all():
            continue
        if "." in name and name.partition(".")[0] in BY_LAYER:
            continue
        title = _TITLES.get(name, name.replace("_", " ").capitalize())
        yield _chart(story, title, title.lower(), {name: (times, story.measures[name])}, f"{title} by epoch.")


def _chart(story: Story, title: str, y_label: str, columns: Columns, description: str) -> Markup:
    """One panel of curves, with a caption of its ends and a table of its numbers."""
    x_label = progress(story, np.zeros(0))[1]
    values = np.concatenate([values for _, values in columns.values()])
    drawn = [_line(name, x, y, alone=len(columns) == 1) for name, (x, y) in columns.items()]
    kept = story.verdict.get("kept_epoch")
    update = title == _TITLES["update_ratio"]
    panel = Panel(
        drawn,
        x_label,
        y_label,
        log_y=update or _decades(values),
        x_span=(0.0, _last(story) * _ROOM),
        x_marks=[(float(kept), "kept")] if kept is not None and x_label == "epoch" else [],
        marks=[(_THUMB, "rule of thumb 10⁻³")] if update else [],
        zone=(*USUAL_UPDATE, "usual") if update else None,
    )
    caption = _caption(story, columns, x_label)
    rows, head = _table(columns, x_label)
    return figure(lines(title, f"{description} {caption}", [panel]), caption, rows, head)


def _last(story: Story) -> float:
    """How far the run has come: all curves go as far across."""
    steps = [series["step"].max() for series in (story.epochs, story.measures) if len(series)]
    return float(progress(story, np.array(steps))[0].max())


def _line(name: str, x: np.ndarray, y: np.ndarray, *, alone: bool) -> Line:
    x, y = thin(x, y)
    style, number_of_colour = {
        "loss": ("faint", 4),
        "objective": ("dotted", 6),
    }.get(name, ("solid", 2 if name.startswith("valid") else 1))
    return Line("" if alone else _name(name), x.tolist(), y.tolist(), style=style, colour=number_of_colour)


def _name(key: str) -> str:
    part, _, rest = key.partition("_")
    if part in ("train", "valid") and rest:
        return "training" if part == "train" else "validation"
    return {"loss": "single batches", "objective": "what was minimised"}.get(key, key.replace("_", " "))


def _caption(story: Story, columns: Columns, x_label: str) -> str:
    """Where the curves end, and how far the last of them came; of the clipping, how often it acted."""
    told = []
    for name, (x, values) in columns.items():
        known = np.flatnonzero(np.isfinite(values))
        if not len(known) or name in ("loss", "objective"):
            continue
        if len(known) == 1:
            once = f"{short_text(values[known[0]])} at {x_label} {number(round(float(x[known[0]]), 2))}"
            told.append(f"{_name(name)} {once}" if len(columns) > 1 else f"only {once}")
            continue
        ends = f"{short_text(values[known[0]])} to {short_text(values[known[-1]])}"
        told.append(f"{_name(name)} from {ends}" if len(columns) > 1 else f"From {ends}")
        if name in story.measures and len(columns) == 1:
            most = known[int(values[known].argmax())]
            told.append(f"highest {short_text(values[most])} at {x_label} {number(round(float(x[most]), 2))}")
    if "clipped_share" in columns and "clipped" in story.measures:
        told.append(
            f"the clipping acted in {np.nanmean(story.measures['clipped']):.0%} of the steps that were measured"
        )
    broken = [
        x[np.isnan(values)][0] for name, (x, values) in columns.items() if name in LOSSES and np.isnan(values).any()
    ]
    if broken:
        told.append(f"no finite loss at {x_label} {number(round(float(min(broken)), 2))}")
    words = "; ".join(told)
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _table(columns: Columns, x_label: str) -> tuple[list[list[Any]], list[str]]:
    """The numbers of curves that share their places; evenly chosen ones of many."""
    first = next(iter(columns.values()))[0]
    alike = {name: values for name, (x, values) in columns.items() if len(x) == len(first) and (x == first).all()}
    places = np.unique(np.linspace(0, len(first) - 1, min(len(first), _MOST_ROWS)).round().astype(int))
    some = "" if len(places) == len(first) else f" ({len(places)} of {len(first):,} lines)"
    rows: list[list[Any]] = [
        [round(float(first[n]), 4), *(float(values[n]) for values in alike.values())] for n in places
    ]
    return rows, [x_label + some, *map(_name, alike)]


def _with_head(story: Story, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A column of the epoch lines by epoch; before it, where a head was trained first, what it scored."""
    x, values = story.epochs["epoch"], story.epochs[name]
    heads: Sequence[Mapping[str, Any]] = [line for line in story.lines["head"] if line.get(name) is not None]
    if not heads:
        return x, values
    return np.append(float(heads[-1].get("epoch", 0)), x), np.append(float(heads[-1][name]), values)


def _decades(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() / known.min() > _DECADES)
