"""The page that compares runs, as a file."""

import datetime
from collections.abc import Sequence
from pathlib import Path

from trainwell.report.comparison.contender import contenders
from trainwell.report.comparison.curves import curves
from trainwell.report.comparison.differences import data, environment, recipe, verdicts
from trainwell.report.comparison.scores import pace, scores
from trainwell.report.render import render
from trainwell.report.write import refuse_if_other, write_page

PAGE = "comparison.html"
_SECTIONS = (verdicts, scores, curves, pace, recipe, data, environment)


def write_comparison(folders: Sequence[str | Path], out: str | Path | None = None) -> Path:
    """Write a page that compares runs: verdicts, scores, curves, and what they do differently.

    Args:
        folders: Two or more runs, or studies, of which the run of the winner is taken.
        out: Where it goes; None is `comparison.html` in the working directory. An older page is replaced.

    Returns:
        Path of the page, which needs nothing beside it.

    Raises:
        BadRun: A folder holds no run, or one of its files cannot be read.
        BadValue: There are fewer than two folders, one of them twice, or `out` is a file that is no page of ours.
        StorageFailed: It cannot be written there.
    """
    path = Path(PAGE if out is None else out)
    refuse_if_other(path)
    write_page(path, comparison(folders))
    return path


def comparison(folders: Sequence[str | Path]) -> str:
    """The page as HTML; see `write_comparison`."""
    runs = contenders(folders)
    return render(
        "compare.html",
        name=", ".join(run.name for run in runs),
        what="comparison",
        live=False,
        runs=runs,
        made=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        sections=[section for make in _SECTIONS if (section := make(runs)) is not None],
    )
