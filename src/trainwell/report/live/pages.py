"""The page of a run that may be training: made anew when its folder has changed."""

import time
from pathlib import Path
from typing import Literal

from trainwell.errors import BadRun
from trainwell.record import BEST_MODEL, DATA, FINDINGS, LOCK, RECIPE, RECORD, VALIDATION, RunFolder
from trainwell.report.page import page
from trainwell.report.story import BEST_RUN, STUDY, SUMMARY, read_story

_FILES = (RECIPE, DATA, RECORD, FINDINGS, VALIDATION, BEST_MODEL, STUDY, SUMMARY, LOCK)
_WATCHED = (*_FILES, *(f"{BEST_RUN}/{name}" for name in _FILES))
_LEAST, _SHARE = 1.0, 4.0  # seconds between two pages, and as a multiple of what a page takes: the training comes first

State = Literal["running", "finished", "stopped", "unreadable"]


class Pages:
    """The latest page of a folder, for all who look at it.

    Args:
        folder: The run or the study.

    Raises:
        BadRun: There is no run in the folder, or one of its files cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.version = 0
        self.state: State = "stopped"
        self.html = ""
        self._seen: tuple[object, ...] = ()
        self._made = self._took = 0.0
        self._make()

    @property
    def due(self) -> bool:
        """Whether the folder has changed since the page was made, and a new one may be made already."""
        return time.monotonic() - self._made >= max(_LEAST, _SHARE * self._took) and self._look() != self._seen

    def renew(self) -> None:
        """Make the page anew. Where the folder cannot be read at the moment the last page stays."""
        try:
            self._make()
        except BadRun:  # removed, or being replaced
            if self.state != "unreadable":
                self.state = "unreadable"
                self.version += 1

    def _make(self) -> None:
        began = time.monotonic()
        self._seen = self._look()  # before the files are read: what comes meanwhile is seen the next time
        try:
            story = read_story(self.folder)
            html = page(story, live=True)
        finally:
            self._made = time.monotonic()
            self._took = self._made - began
        self.html, self.state = html, story.state
        self.version += 1

    def _look(self) -> tuple[object, ...]:
        """What changes whenever the folder does; whether the lock is held is asked only while it was."""
        held = self.state == "running" and RunFolder(self.folder).held
        return (held, *(_stat(self.folder / name) for name in _WATCHED))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
