"""The trials of a study, put together from the lines of its record: what was proposed, and what came of it."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trainwell.report.story import Story


@dataclass(frozen=True)
class Trial:
    """A proposal whose trainings are all over.

    Args:
        number: Of its first training.
        stage: What it is of.
        edits: Of the recipe; none are its own settings.
        values: By key of the recipe, what it tried; None where it has no such setting.
        state: `complete`, or what became of the first training that is not.
        score: Mean over the seeds, as the metric is usually given; None where one has none.
        spread: Standard deviation over seeds or folds; None where there is one.
        valid_loss: Where the score is best, the mean over the seeds; None where there is none.
        epochs: Length of a training.
        seconds: Spent on the study until it was over.
        shade: Share of the complete trials of its stage that it is better than; None where it is not complete.
    """

    number: int
    stage: str
    edits: tuple[str, ...]
    values: Mapping[str, float | str | None]
    state: str
    score: float | None
    spread: float | None
    valid_loss: float | None
    epochs: float
    seconds: float
    shade: float | None = None

    @property
    def settings(self) -> str:
        """What it sets, in words."""
        return " ".join(self.edits) or "the recipe's own settings"


@dataclass(frozen=True)
class Setting:
    """What was searched.

    Args:
        key: In the recipe.
        log: Whether ratios count.
        choices: The values of one that is no range; empty for a range.
    """

    key: str
    log: bool
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Trials:
    """All of them.

    Args:
        settings: What was searched.
        trials: In the order of their numbers.
        metric: What they are compared by.
        winner: Number of the one that won; None where that is not decided.
    """

    settings: tuple[Setting, ...]
    trials: tuple[Trial, ...]
    metric: str
    winner: int | None

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller score is better."""
        return self.metric.endswith("loss")

    def better_first(self, trials: Sequence[Trial]) -> list[Trial]:
        """The complete ones, the best first; equal ones by their validation loss."""
        sign = 1.0 if self.lower_is_better else -1.0
        known = [(sign * trial.score, trial) for trial in trials if trial.score is not None and _is_complete(trial)]
        loss = {trial.number: math.inf if trial.valid_loss is None else trial.valid_loss for trial in trials}
        return [trial for _, trial in sorted(known, key=lambda one: (one[0], loss[one[1].number], one[1].number))]


def read_trials(story: Story, winner: int | None = None) -> Trials:
    """The trials of a study that may be under way.

    Args:
        story: Of the study.
        winner: Number of the one that won; None goes by the summary.
    """
    assert story.study is not None, "a run has no such trials"
    stages = story.lines["stage"]
    dimensions = [one for stage in stages for one in stage["space"] if one["key"]]
    settings = tuple(_setting(key, dimensions) for key in dict.fromkeys(one["key"] for one in dimensions))
    metric = story.study["metric"]
    found = [trial for stage in stages for trial in _of_stage(story, stage, settings, dimensions, metric)]
    settings = tuple(_with_values(setting, found) for setting in settings)
    if winner is None and story.summary is not None:
        winner = story.summary["winner"]["number"]
    trials = Trials(settings, tuple(found), metric, winner)
    shades: dict[int, float] = {}
    for stage in stages:
        order = trials.better_first([trial for trial in found if trial.stage == stage["name"]])
        shades |= {trial.number: 1.0 - place / max(1, len(order) - 1) for place, trial in enumerate(order)}
    shaded = [replace(trial, shade=shades.get(trial.number)) for trial in found]
    return Trials(settings, tuple(sorted(shaded, key=lambda trial: trial.number)), metric, winner)


def _is_complete(trial: Trial) -> bool:
    return trial.state == "complete"


def _setting(key: str, dimensions: Sequence[Mapping[str, Any]]) -> Setting:
    own = [one for one in dimensions if one["key"] == key]
    choices = [value for one in own if one["kind"] == "choice" for value in one["values"]]
    return Setting(key, any(one.get("log") for one in own), tuple(dict.fromkeys(choices)))


def _with_values(setting: Setting, trials: Sequence[Trial]) -> Setting:
    """A choice with the values that later stages added."""
    if not setting.choices:
        return setting
    more = [value for trial in trials if isinstance(value := trial.values[setting.key], str)]
    return replace(setting, choices=tuple(dict.fromkeys([*setting.choices, *more])))


def _of_stage(
    story: Story,
    stage: Mapping[str, Any],
    settings: Sequence[Setting],
    dimensions: Sequence[Mapping[str, Any]],
    metric: str,
) -> list[Trial]:
    """The proposals of a stage whose trainings are all over."""
    name, seeds, start = stage["name"], len(stage["seeds"]), stage["start"]
    proposed = {line["number"]: line for line in story.lines["asked"] if line["stage"] == name}
    results: dict[int, list[dict[str, Any]]] = {}
    for line in story.lines["trial"]:
        if line["stage"] == name:
            results.setdefault(start + (line["number"] - start) // seeds * seeds, []).append(line)
    found = []
    for number, lines in sorted(results.items()):
        if len(lines) < seeds:
            continue
        edits = tuple(lines[0]["edits"])
        given = proposed.get(number, {}).get("settings") or {}
        values = [line["value"] for line in lines if line["value"] is not None]
        known = len(values) == len(lines)
        each = lines[0]["folds"] if len(lines) == 1 and lines[0]["folds"] else values
        losses = [loss for line in lines if (loss := _loss(line["scores"])) is not None]
        sign = -1.0 if metric.endswith("loss") else 1.0
        found.append(
            Trial(
                number=number,
                stage=name,
                edits=edits,
                values={one.key: _value(one, dimensions, given, edits, story.study or {}) for one in settings},
                state=next((line["state"] for line in lines if line["state"] != "complete"), "complete"),
                score=sign * statistics.fmean(values) if known else None,
                spread=statistics.stdev(each) if known and len(each) > 1 else None,
                valid_loss=statistics.fmean(losses) if losses and len(losses) == len(lines) else None,
                epochs=lines[0]["epochs"],
                seconds=max(line["clock"] for line in lines),
            )
        )
    return found


def _loss(scores: Sequence[Sequence[float | None]]) -> float | None:
    """The validation loss where the score is best, of equal ones the lowest."""
    known = [(-value, loss) for _, _, value, _, loss in scores if value is not None and loss is not None]
    return min(known)[1] if known else None


def _value(
    setting: Setting,
    dimensions: Sequence[Mapping[str, Any]],
    given: Mapping[str, Any],
    edits: Sequence[str],
    study: Mapping[str, Any],
) -> float | str | None:
    """What a trial has at a place of the recipe: as it was proposed, as it was edited, or as the recipe has it."""
    key = setting.key
    for one in dimensions:
        if one["key"] == key and one["name"] in given:
            return given[one["name"]]
    made = dict(edit.partition("=")[::2] for edit in edits)
    if key in made:
        return made[key] if setting.choices else _number(made[key])
    if any(key.startswith(f"{other}.") for other in made):
        return None  # another technique, with defaults of its own
    place: Any = study.get("recipe")
    for name in key.split("."):
        if isinstance(place, list):
            place = next((part for part in place if part["name"] == name), None)
        else:
            place = place.get(name) if isinstance(place, dict) else None
    return _text(place) if setting.choices else _number(place)


def _number(given: Any) -> float | None:
    """A number, or the text of one; None for anything else."""
    try:
        return None if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        return None


def _text(given: Any) -> str | None:
    """A value of the recipe, as an edit has it."""
    if isinstance(given, list):
        return ",".join(str(_text(one)) for one in given) or "none"
    return str(given["name"]) if isinstance(given, dict) else None if given is None else str(given)
