"""Trials: what a study tried and what came of it; of a transfer, the heads that were trained together."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from trainwell.report.charts.heat_map import heat_map
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.report.render import figure, render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.trial_charts import parallel_chart, scatter_chart
from trainwell.report.trials import Trial, Trials, read_trials
from trainwell.report.words import duration, number

_MOST_ROWS = 20
_MINUTES = 180.0  # seconds from which a study is told in minutes


def trials(story: Story) -> Section | None:
    """The trials of a study, or the heads of a transfer; None where there are none."""
    if story.study is None:
        heads = [line for line in story.lines["trial"] if line.get("stage") == "head"]
        return _heads(story, heads) if heads else None
    found = read_trials(story)
    if not found.trials:
        return None
    importances = (story.summary or {}).get("importances") or {}
    drawn = [
        figure(svg, caption)
        for svg, caption in (
            (parallel_chart(found), "One line a trial, from setting to setting down to its score."),
            (scatter_chart(found, importances), ""),
            (_best_so_far(found), ""),
        )
        if svg is not None
    ]
    best = _longest_first(found.better_first(found.trials))
    listed = [*best, *(trial for trial in found.trials if trial.shade is None)]
    html = render(
        "trials.html",
        figures=drawn,
        mattered=(story.summary or {}).get("mattered", ""),
        importances=[(name, f"{share:.0%}", f"{100 * share:.0f}") for name, share in importances.items()],
        metric=_shown(found.metric),
        rows=[_row(trial, found) for trial in listed[:_MOST_ROWS]],
        with_loss=found.metric != "valid_loss",
        left_out=max(0, len(listed) - _MOST_ROWS),
    )
    return Section("trials", "Trials", html, _words(found))


def _words(found: Trials) -> str:
    """How many came to what end, and which is the best."""
    ends: dict[str, int] = {}
    for trial in found.trials:
        ends[trial.state] = ends.get(trial.state, 0) + 1
    counted = ", ".join(f"{count:,} {state}" for state, count in ends.items())
    won = next((trial for trial in found.trials if trial.number == found.winner), None)
    end = ""
    if won is not None and won.score is not None:
        end = f" The winner, trial {won.number}, reaches {_shown(found.metric)} {number(won.score)}: {won.settings}."
    return f"{len(found.trials):,} trial{'' if len(found.trials) == 1 else 's'}: {counted}.{end}"


def _longest_first(best: Sequence[Trial]) -> list[Trial]:
    """Of each length the best first; scores of trainings of different length cannot be compared."""
    return sorted(best, key=lambda trial: -trial.epochs)


def _row(trial: Trial, found: Trials) -> dict[str, str]:
    known = {"spread": trial.spread, "loss": trial.valid_loss, "epochs": trial.epochs}
    return {
        "number": f"{trial.number}{' (winner)' if trial.number == found.winner else ''}",
        "stage": trial.stage.replace("-", "\u2011"),  # a hyphen that does not break
        "settings": trial.settings,
        "score": trial.state if trial.shade is None or trial.score is None else number(trial.score),
        **{name: "" if value is None else number(value) for name, value in known.items()},
    }


def _shown(metric: str) -> str:
    """The metric in words."""
    return metric.replace("valid_", "validation ").replace("folds_", "cross-validated ").replace("_", " ")


def _best_so_far(found: Trials) -> str | None:
    """The best score until each trial was over, against the time; None where fewer than two are complete."""
    done = sorted((trial for trial in found.trials if trial.shade is not None), key=lambda trial: trial.seconds)
    if len(done) < 2:
        return None
    scores = [trial.score for trial in done if trial.score is not None]
    pick = min if found.lower_is_better else max
    reached = [pick(scores[: place + 1]) for place in range(len(scores))]
    minutes = done[-1].seconds > _MINUTES
    times = [trial.seconds / (60 if minutes else 1) for trial in done]
    metric = _shown(found.metric)
    steps = [value for pair in itertools.pairwise(times) for value in pair]
    held = [value for value in reached[:-1] for _ in range(2)]
    panel = Panel(
        [
            Line("best so far", [*steps, times[-1]], [*held, reached[-1]], colour=2),
            Line("each trial", times, scores, style="points", colour=1),
        ],
        "minutes" if minutes else "seconds",
        metric,
    )
    return lines(
        "Best so far",
        f"{metric} of every trial at the time it was over, and the best until then: from {number(reached[0])} to "
        f"{number(reached[-1])} in {duration(done[-1].seconds)}. Trainings of other lengths end elsewhere.",
        [panel],
    )


def _heads(story: Story, heads: Sequence[Mapping[str, Any]]) -> Section:
    """The grid of heads of a transfer: rate by decay, with the mean score over the seeds."""
    metric = _head_metric(story, heads)
    rates, decays = (sorted({line[name] for line in heads}) for name in ("lr", "weight_decay"))
    scores: dict[tuple[float, float], list[float]] = {}
    for line in heads:
        if line.get(metric) is not None:
            scores.setdefault((line["weight_decay"], line["lr"]), []).append(line[metric])
    values = [
        [statistics.fmean(scores[decay, rate]) if (decay, rate) in scores else None for rate in rates]
        for decay in decays
    ]
    chosen = next((line for line in heads if line.get("chosen")), None)
    words = f"{len(heads):,} linear heads were trained at once on the features of the network."
    if chosen is not None:
        words += f" The best has lr={chosen['lr']:g} and weight_decay={chosen['weight_decay']:g}"
        words += "." if chosen.get(metric) is None else f": {_shown(metric)} {number(chosen[metric])}."
    svg = heat_map(
        f"Heads: {_shown(metric)} by rate and decay",
        words,
        values,
        rows=[f"{decay:g}" for decay in decays],
        columns=[f"{rate:g}" for rate in rates],
        x_label="lr",
        y_label="weight_decay",
        form=".3f",
    )
    caption = "Means over the seeds; darker is larger."
    return Section("trials", "Heads that were tried", figure(svg, caption), words)


def _head_metric(story: Story, heads: Sequence[Mapping[str, Any]]) -> str:
    """What the heads are compared by: the monitor, on folds of the training samples where those chose."""
    recipe = story.recipe.get("recipe") or {}
    names = ["valid_accuracy", "valid_r2", "valid_loss"]
    if recipe.get("balance", "none") != "none":
        names.insert(0, "valid_balanced_accuracy")
    if recipe.get("monitor", "auto") != "auto":
        names.insert(0, recipe["monitor"])
    names = [*(name.replace("valid_", "folds_") for name in names), *names]
    return next(name for name in names if name in heads[0])
