"""The report at the end of a run, however it ended."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from trainwell.errors import Diverged, Failed, Interrupted
from trainwell.method.screen import Screen
from trainwell.record import RECORD
from trainwell.report.write import write_report


@contextlib.contextmanager
def reported(folder: Path, screen: Screen) -> Iterator[None]:
    """Write `report.html` after the block, which holds the folder's lock, also where the run diverged or was stopped.

    Whatever goes wrong with the report is said in a line, and changes nothing else. Where the block wrote no line of
    the record, having had nothing to do, there is nothing new to report.

    Args:
        folder: The run or the study.
        screen: Where to say it.
    """
    before = _written(folder)
    try:
        yield
    except (Diverged, Failed, Interrupted):
        if _written(folder) != before:
            _write(folder, screen)
        raise
    if _written(folder) != before:
        _write(folder, screen)


def _written(folder: Path) -> tuple[int, int, int] | None:
    """What changes when the record is written; None where there is none."""
    try:
        found = (folder / RECORD).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _write(folder: Path, screen: Screen) -> None:
    try:
        path = write_report(folder)
    except Exception as error:  # the run is done and stays; a page can be made again
        screen.warn(f"the report was not made ({type(error).__name__}: {error}). Try: trainwell report {folder}")
    else:
        screen.say(f"report: {path}")
