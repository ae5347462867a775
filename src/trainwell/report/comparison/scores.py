"""How good the runs are, how fast they got there, and whether that may be compared at all."""

import math
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from safetensors import SafetensorError, safe_open

from trainwell.record import BEST_WEIGHTS
from trainwell.report.comparison.contender import Cell, Contender, Row, table, words_of
from trainwell.report.render import render
from trainwell.report.section import Section
from trainwell.report.words import duration, number

# What is watched, the first that all runs have; of all but the loss more is better.
_METRICS = ("valid_balanced_accuracy", "valid_accuracy", "valid_r2", "valid_loss")
_MARKS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
_SHARES = ("accuracy", "balanced_accuracy", "r2")


def metric_of(runs: Sequence[Contender]) -> str | None:
    """What all runs were scored by on their validation samples; None where they have nothing in common."""
    names = _METRICS if _same_loss(runs) else _METRICS[:-1]
    return next((name for name in names if all(name in run.story.epochs for run in runs)), None)


def _same_loss(runs: Sequence[Contender]) -> bool:
    """Whether the losses of all runs are the same function; of different ones the values say nothing."""
    return len({run.story.recipe.get("recipe", {}).get("loss", {}).get("name") for run in runs}) == 1


def same_data(runs: Sequence[Contender]) -> tuple[bool, bool]:
    """Whether all runs have the same data, and were also scored on the same samples of it."""
    data = {run.story.data.get("fingerprint") for run in runs}
    valid = {run.story.data.get("splits", {}).get("valid", {}).get("digest") for run in runs}
    same = len(data) == 1 and None not in data
    return same, same and len(valid) == 1 and None not in valid


def scores(runs: Sequence[Contender]) -> Section:
    """The scores of the weights that were kept, what is known of their difference, and how large the networks are."""
    _, comparable = same_data(runs)
    found = [_scores(run) for run in runs]
    rows = [Row("scores of", [Cell(_whose(run)) for run in runs])]
    names = list(dict.fromkeys(name for one in found for name in one))
    ordered = sorted(names, key=lambda name: (not name.startswith("valid_"), names.index(name)))
    judged = {n for n in names if comparable and n.startswith("valid_") and (n != "valid_loss" or _same_loss(runs))}
    rows += [_row(name, [one.get(name) for one in found], name in judged) for name in ordered]
    rows.append(Row("weights", [Cell(_size(run)) for run in runs]))
    ranked = _by_rank(runs, found)
    able = [run for run in ranked if run.story.model]
    alike = [[other for other in able if _answers_to(other) == _answers_to(run)] for run in able]
    first, *others = max(alike, key=len, default=ranked[:1])
    scored = _source(first) if comparable else "DATA"
    commands = [
        shlex.join(["trainwell", "evaluate", str(first.folder), scored, "--against", str(other.folder)])
        for other in others
    ]
    html = table(runs, rows, "Scores") + render(
        "compare_test.html",
        comparable=comparable,
        count=runs[0].story.data.get("splits", {}).get("valid", {}).get("rows", 0),
        commands=commands,
    )
    words = (
        "The best of each line is printed bold; whether it is better than chance allows is another question."
        if comparable
        else "The runs were not scored on the same samples: their figures cannot be set against each other."
    )
    return Section("scores", "Scores", html, words)


def pace(runs: Sequence[Contender]) -> Section | None:
    """How long each run took to a given score; None where the runs have none that can be compared."""
    metric = metric_of(runs)
    if metric is None or not same_data(runs)[1] or not all(len(run.story.epochs) for run in runs):
        return None
    rises = metric != "valid_loss"
    columns = [run.story.epochs[metric] for run in runs]
    if any(np.isnan(column).all() for column in columns):
        return None
    bests = [float(np.nanmax(column) if rises else np.nanmin(column)) for column in columns]
    common = min(bests) if rises else max(bests)
    goals: dict[float, str] = {}
    if metric.removeprefix("valid_") in _SHARES:
        firsts = [float(column[0]) for column in columns]
        goals = {goal: "" for goal in _MARKS if min(firsts) < goal <= max(bests)}
    goals[common] = " (what all of them reached)"
    rows = [_reached(runs, metric, goal, told, rises) for goal, told in sorted(goals.items(), reverse=not rises)]
    places = {tuple(run.story.environment.get(name) for name in ("cpu", "device", "threads")) for run in runs}
    words = f"When each run first reached a {words_of(metric)}, at the end of an epoch."
    if len(places) > 1:
        words += " Processor, device or threads differ: the seconds tell of them, too."
    return Section("pace", "Time to a score", table(runs, rows, "The fastest in seconds is printed bold"), words)


def _reached(runs: Sequence[Contender], metric: str, goal: float, told: str, rises: bool) -> Row:
    places = [_first(run, metric, goal, rises) for run in runs]
    pairs = list(zip(runs, places, strict=True))
    seconds = [math.inf if at is None else float(run.story.epochs["seconds"][at]) for run, at in pairs]
    cells = [
        Cell("not reached")
        if at is None
        else Cell(f"{duration(took)}, epoch {_number(run, at)}", best=took == min(seconds) < max(seconds))
        for (run, at), took in zip(pairs, seconds, strict=True)
    ]
    return Row(f"{goal:.4f}{told}", cells)


def _number(run: Contender, at: int) -> str:
    """The epoch of a line, as a number."""
    return number(round(float(run.story.epochs["epoch"][at]), 2))


def _first(run: Contender, metric: str, goal: float, rises: bool) -> int | None:
    values = run.story.epochs[metric]
    there = np.flatnonzero(values >= goal if rises else values <= goal)
    return int(there[0]) if len(there) else None


def _scores(run: Contender) -> dict[str, float]:
    """Of the weights that were kept; of a run that has not finished those of its last epoch."""
    kept = run.story.verdict.get("scores")
    if kept:
        return {name: value for name, value in kept.items() if value is not None}
    epochs = run.story.epochs
    names = [*epochs.names("train_"), *epochs.names("valid_")]
    return {name: float(epochs[name][-1]) for name in names if len(epochs)}


def _whose(run: Contender) -> str:
    verdict, epochs = run.story.verdict, run.story.epochs
    if verdict.get("scores"):
        kept = verdict.get("kept_epoch")
        return "the weights that were kept" if kept is None else f"the weights of epoch {number(round(float(kept), 2))}"
    return f"epoch {_number(run, -1)}, the last so far" if len(epochs) else "no epoch yet"


def _row(name: str, values: Sequence[float | None], compared: bool) -> Row:
    there = [value for value in values if value is not None and math.isfinite(value)]
    best = (min(there) if name.endswith("loss") else max(there)) if compared and len(set(there)) > 1 else None
    cells = [
        Cell("–" if value is None else f"{value:.4f}", best=best is not None and value == best) for value in values
    ]
    return Row(words_of(name), cells)


def _by_rank(runs: Sequence[Contender], found: Sequence[dict[str, float]]) -> list[Contender]:
    """The runs, the best first."""
    metric = metric_of(runs)
    if metric is None or any(metric not in one for one in found):
        return list(runs)
    order = sorted(range(len(runs)), key=lambda at: found[at][metric], reverse=metric != "valid_loss")
    return [runs[at] for at in order]


def _answers_to(run: Contender) -> list[Any]:
    """What samples have to be like, and what is said of them: only alike can two runs be given the same data."""
    data = run.story.data
    return [data.get("task"), data.get("classes"), (data.get("shape") or [])[1:]]


def _source(run: Contender) -> str:
    """The data as the command line has it; DATA where the run did not come from there."""
    source: Any = run.story.data.get("source")
    return source if isinstance(source, str) and source in run.story.environment.get("command", ()) else "DATA"


def _size(run: Contender) -> str:
    path = run.story.path / BEST_WEIGHTS
    try:
        with safe_open(path, framework="np") as file:
            count = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        return f"{count:,} numbers, {path.stat().st_size / 1e6:,.3g} MB"
    except (OSError, SafetensorError):
        return "none yet"


def lead(text: str) -> Markup:
    """A paragraph of plain text."""
    return Markup("<p>{}</p>").format(text)
