"""The page of a run or a study: its sections in order, in one file that needs nothing beside it."""

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from trainwell.report.render import SCRIPTS, render
from trainwell.report.section import Section
from trainwell.report.sections.confusion import confusion
from trainwell.report.sections.curves import curves
from trainwell.report.sections.data import data
from trainwell.report.sections.environment import environment
from trainwell.report.sections.health import health
from trainwell.report.sections.inputs import inputs
from trainwell.report.sections.mistakes import mistakes
from trainwell.report.sections.rates import rates
from trainwell.report.sections.recipe import recipe
from trainwell.report.sections.stages import stages
from trainwell.report.sections.trials import trials
from trainwell.report.sections.verdict import verdict
from trainwell.report.story import Story

_Make = Callable[[Story], Section | None]

RUN: tuple[_Make, ...] = (
    verdict, stages, curves, health, confusion, mistakes, inputs, rates, trials, data, recipe, environment,
)  # fmt: skip
# Of a study: first what it says itself, then what the run of its winner does, then what both stand on.
STUDY: tuple[_Make, ...] = (verdict, stages, trials, rates)
WINNER: tuple[_Make, ...] = (curves, health, confusion, mistakes, inputs)
STUDY_END: tuple[_Make, ...] = (data, recipe, environment)

_STATES = {"running": "under way", "finished": "finished", "stopped": "stopped before its end"}
LIVE_SCRIPT = "live.js"


def sections(story: Story) -> Iterator[Section]:
    """The sections that have something to show, in order."""
    if story.study is None:
        yield from _made(RUN, story)
        return
    yield from _made(STUDY, story)
    if story.best_run is not None:
        for section in _made(WINNER, story.best_run):
            yield replace(section, title=f"Winner: {section.title.lower()}")
    yield from _made(STUDY_END, story)


def _made(makers: Sequence[_Make], story: Story) -> Iterator[Section]:
    return (section for make in makers if (section := make(story)) is not None)


def page(story: Story, *, live: bool = False) -> str:
    """The whole page as HTML.

    Args:
        story: What it tells.
        live: Whether it is served, and follows the run while it trains.

    Returns:
        One document; nothing in it is fetched from elsewhere.
    """
    html = render(
        "report.html",
        name=story.path.resolve().name,
        what="study" if story.study is not None else "run",
        state=story.state,
        state_words=_STATES[story.state],
        made=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        sections=list(sections(story)),
        live=live,
        scripts=(*SCRIPTS, LIVE_SCRIPT) if live else SCRIPTS,
    )
    return str(html)  # whoever works on it further works on plain text
