"""Pages as files."""

import functools
from pathlib import Path

from trainwell.errors import BadValue
from trainwell.record import REPORT, replace
from trainwell.report.page import page
from trainwell.report.story import read_story

_MARK = b'<meta name="generator" content="Trainwell">'  # of every page of ours, see base.html
_HEAD = 4096  # bytes of a page within which it stands


def write_report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the page of a run or a study.

    Args:
        folder: The run or the study, finished or not.
        out: Where it goes; None is `report.html` in the folder. An older page is replaced.

    Returns:
        Path of the page, which needs nothing beside it.

    Raises:
        BadRun: There is no run in the folder, or one of its files cannot be read.
        BadValue: `out` is a file that is no page of ours.
        StorageFailed: It cannot be written there.
    """
    path = Path(folder) / REPORT if out is None else Path(out)
    refuse_if_other(path)
    write_page(path, page(read_story(folder)))
    return path


def write_page(path: Path, text: str) -> None:
    """Write a page, whole or not at all.

    Raises:
        StorageFailed: It cannot be written there.
    """
    replace(path, functools.partial(_write, text=text))


def refuse_if_other(path: Path) -> None:
    """Raise `BadValue` where something stands that is not a page of ours, or a file in the place of a folder."""
    above = next((place for place in path.parents if place.exists()), None)
    if above is not None and not above.is_dir():
        raise BadValue(f"{path} cannot be made: {above} is a file. Give another --out.")
    if path.is_dir():
        raise BadValue(f"{path} is a folder. Give the page a name: --out {path / REPORT}.")
    if path.exists():
        with open(path, "rb") as file:
            ours = _MARK in file.read(_HEAD)
        if not ours:
            raise BadValue(f"{path} is there and is no page of Trainwell: it is left alone. Give another --out.")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
