"""The trials of a study as charts: over all that was searched at once, and over the two settings that matter most."""

import math
from collections.abc import Mapping

from trainwell.report.charts.parallel import Axis, Thread, parallel
from trainwell.report.charts.scale import short_text
from trainwell.report.charts.scatter import Dot, scatter
from trainwell.report.trials import Setting, Trial, Trials

_RATE, _DECAY = "optimizer.lr", "optimizer.weight_decay"
_SMALLEST, _GROWTH = 3.0, 4.0  # radius of a mark, and what a training of full length adds
_WORDS = "worst of its stage", "best"


def parallel_chart(trials: Trials) -> str | None:
    """All complete trials over all that was searched; None where there is nothing to draw."""
    drawn = [trial for trial in trials.trials if trial.shade is not None]
    axes = [setting for setting in trials.settings if any(trial.values[setting.key] is not None for trial in drawn)]
    if not drawn or not axes:
        return None
    along = [Axis(setting.key, setting.log, setting.choices) for setting in axes]
    threads = [
        Thread(
            f"{trial.stage}, trial {trial.number}",
            [*(trial.values[setting.key] for setting in axes), trial.score],
            trial.shade or 0.0,
            best=trial.number == trials.winner,
        )
        for trial in drawn
    ]
    return parallel(
        "What was tried, and what it scored",
        f"{len(drawn)} trials as lines over {', '.join(setting.key for setting in axes)} and {trials.metric}; the "
        "stronger the colour, the better the trial within its stage; the winner is drawn on top.",
        [*along, Axis(trials.metric)],
        threads,
        shades=_WORDS,
    )


def scatter_chart(trials: Trials, importances: Mapping[str, float] | None = None) -> str | None:
    """The trials over rate and decay, or the two ranges that matter most; None where no range was searched.

    Args:
        trials: They.
        importances: How much each setting matters, where that is known.
    """
    ranges = [setting for setting in trials.settings if not setting.choices]
    known = importances or {}
    ranges.sort(key=lambda one: (one.key != _RATE, one.key != _DECAY, -known.get(one.key, 0.0)))
    if not ranges:
        return None
    across, upwards = ranges[0], ranges[1] if len(ranges) > 1 else None
    whole = max((trial.epochs for trial in trials.trials), default=1.0)
    dots = [dot for trial in trials.trials if (dot := _dot(trial, trials, across, upwards, whole)) is not None]
    if not any(dot.y is not None for dot in dots):
        return None
    by = across.key if upwards is None else f"{across.key} and {upwards.key}"
    return scatter(
        f"{len(dots)} trials: {trials.metric} by {by}",
        "Every trial where its settings are; the stronger the colour, the better within its stage; the winner has a "
        "ring.",
        sorted(dots, key=lambda dot: (dot.ringed, dot.shade or -1.0)),
        x_label=across.key,
        y_label=trials.metric if upwards is None else upwards.key,
        log_x=across.log,
        log_y=upwards is not None and upwards.log,
        reads="trial",
        shades=_WORDS,
        note="larger: longer trainings; ring: the winner; square: the recipe's own settings; cross: pruned, diverged "
        "or failed",
    )


def _dot(trial: Trial, trials: Trials, across: Setting, upwards: Setting | None, whole: float) -> Dot | None:
    x = trial.values[across.key]
    y = trial.score if upwards is None else trial.values[upwards.key]
    complete = trial.shade is not None
    if not isinstance(x, int | float) or (y is None and complete) or isinstance(y, str):
        return None
    if (across.log and x <= 0) or (y is not None and upwards is not None and upwards.log and y <= 0):
        return None
    return Dot(
        x,
        y,
        name=trial.stage,
        at=f"{trial.number}: {trial.settings}",
        text=trial.state if trial.score is None else f"{trials.metric} {short_text(trial.score)}",
        shade=trial.shade,
        radius=_SMALLEST + _GROWTH * math.sqrt(trial.epochs / whole),
        mark="cross" if not complete else "dot" if trial.edits else "square",
        ringed=trial.number == trials.winner,
    )
