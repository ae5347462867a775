"""The curves of all runs in one picture, by epochs and by seconds."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.report.comparison.contender import Contender, words_of
from trainwell.report.comparison.scores import metric_of
from trainwell.report.render import figure, render
from trainwell.report.section import Section
from trainwell.report.thin import thin

_DECADES = 30.0  # values that span more than this factor are drawn on a logarithmic axis
_ACROSS = {"epoch": "epoch", "seconds": "seconds trained"}


def curves(runs: Sequence[Contender]) -> Section | None:
    """Loss and score of all runs; None before the first epoch of the second one."""
    if sum(len(run.story.epochs) > 0 for run in runs) < 2:
        return None
    metric = metric_of(runs)
    names = ["loss", *([metric.removeprefix("valid_")] if metric not in (None, "valid_loss") else [])]
    charts = [_chart(runs, name, across) for name in names for across in _ACROSS]
    words = "Solid: validation samples; dashed: training samples."
    return Section("curves", "Curves", render("compare_curves.html", charts=charts), words)


def _chart(runs: Sequence[Contender], name: str, across: str) -> Markup:
    drawn = [line for run in runs for line in _lines(run, name, across)]
    values = np.concatenate([np.asarray(line.y, float) for line in drawn] or [np.zeros(0)])
    values = values[np.isfinite(values)]
    log = bool(len(values)) and values.min() > 0 and values.max() > _DECADES * values.min()
    title = f"{words_of(name).capitalize()} by {'epochs' if across == 'epoch' else across}"
    told = f"A curve of validation samples, solid, and one of training samples, dashed, for each of {len(runs)} runs."
    return figure(lines(title, told, [Panel(drawn, _ACROSS[across], words_of(name), log_y=log)]))


def _lines(run: Contender, name: str, across: str) -> list[Line]:
    epochs = run.story.epochs
    found = []
    for part, style in (("valid", "solid"), ("train", "dashed")):
        if f"{part}_{name}" in epochs and len(epochs):
            x, y = thin(epochs[across], epochs[f"{part}_{name}"])
            label = run.name if part == "valid" else f"{run.name}, training"
            found.append(Line(label, x.tolist(), y.tolist(), style=style, colour=run.colour))
    return found
