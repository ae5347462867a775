"""The end of a study: summary, picture, and what a person is told."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainwell.method.run import Run
from trainwell.method.screen import Screen
from trainwell.method.tune.folder import BEST_RUN, PICTURE, SUMMARY, SUMMARY_TEXT, StudyFolder
from trainwell.method.tune.summary import counts, lines, markdown, mattered, outcome_json, table
from trainwell.recipe import Recipe
from trainwell.record import replace
from trainwell.report.story import read_story
from trainwell.report.trial_charts import scatter_chart
from trainwell.report.trials import read_trials
from trainwell.report.words import counted, duration
from trainwell.search.importances import importances
from trainwell.search.space import Space
from trainwell.search.study import Outcome


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a study found.

    Args:
        source: The data, as it was given.
        metric: What settings are compared by.
        space: What the coarse stage searched.
        outcomes: Of all stages.
        coarse: Of the coarse stage, equally long and widest apart: what importances are of.
        winner: What was trained.
        own: The recipe's own settings among the finalists.
        words: Why it won.
        run: Its run.
        told: What each stage decided and why.
        cut: Stages that were cut short.
        seconds: Time spent.
        recipe: That the trials edit.
    """

    source: str
    metric: str
    space: Space
    outcomes: list[Outcome]
    coarse: list[Outcome]
    winner: Outcome
    own: Outcome
    words: str
    run: Run
    told: list[str]
    cut: list[str]
    seconds: float
    recipe: Recipe


def conclude(folder: StudyFolder, found: Found, screen: Screen) -> None:
    """Write `summary.json`, `summary.md` and the picture; say the table, what mattered, and where the run is."""
    outcomes = sorted(found.outcomes, key=lambda outcome: outcome.number)
    shares = importances(found.space, found.coarse, found.recipe.seed)
    complete = sum(1 for outcome in found.coarse if outcome.state == "complete")
    drawn = scatter_chart(read_trials(read_story(folder.path), found.winner.number), shares)
    if drawn is not None:
        replace(folder.path / PICTURE, functools.partial(_write, text=drawn))
    summary: dict[str, Any] = {
        "source": found.source,
        "metric": found.metric,
        "words": found.words,
        "winner": outcome_json(found.winner),
        "own": outcome_json(found.own),
        "told": found.told,
        "cut_short": found.cut,
        "importances": shares,
        "mattered": mattered(shares, complete),
        "trials": [outcome_json(outcome) for outcome in outcomes],
        "counts": counts(outcomes),
        "picture": None if drawn is None else PICTURE,
        "run": BEST_RUN,
        "verdict": found.run.verdict,
        "seconds": round(found.seconds, 1),
    }
    rows = table(outcomes, found.winner, found.metric)
    page = markdown(summary, rows)
    replace(folder.path / SUMMARY_TEXT, functools.partial(_write, text=page))
    folder.write_json(SUMMARY, summary)
    for line in ["", *lines(rows), ""]:
        screen.say(line)
    screen.say(f"what mattered: {summary['mattered']}")
    screen.say("no picture: no range was searched" if drawn is None else f"picture: {folder.path / PICTURE}")
    screen.say(f"winner: {found.words}")
    screen.say(
        f"{counted(len(outcomes), 'trial')} ({summary['counts']}) in {duration(found.seconds)}; study: {folder.path}"
    )


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
