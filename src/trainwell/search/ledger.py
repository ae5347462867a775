"""The ledger: what a study asked for and what came of it, as lines of its record. It is all that a restart needs."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from trainwell.record import RECORD, Record, RunFolder, read_record
from trainwell.search.trial import Result, Score

ASKED, TRIAL, CUT = "asked", "trial", "cut"
_SCORE = ("step", "epoch", "value", "train_loss", "valid_loss")


class Ledger:
    """The record of a study, with its lines at hand; a torn last line is cut away.

    Every line says by `clock` how many seconds were spent on the study until then, by earlier processes too.

    Args:
        folder: The study.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.lines: list[dict[str, Any]] = read_record(folder.path) if folder.has(RECORD) else []
        self._record = Record(folder, sys.maxsize)
        self._before = max((line.get("clock", 0.0) for line in self.lines), default=0.0)
        self._began = time.monotonic()

    @property
    def clock(self) -> float:
        """Seconds spent on the study."""
        return self._before + time.monotonic() - self._began

    def add(self, kind: str, **values: Any) -> None:
        """Write a line; it is on the disk when this returns, whatever then becomes of the process."""
        line = {**values, "clock": round(self.clock, 3)}
        self._record.add(kind, **line)
        self.lines.append({"kind": kind, **line})

    def of(self, kind: str, **values: Any) -> list[dict[str, Any]]:
        """The lines of a kind with these values, in order."""
        wanted = {"kind": kind, **values}
        return [line for line in self.lines if all(line.get(name) == value for name, value in wanted.items())]

    def close(self) -> None:
        """Close the record."""
        self._record.close()


def result_line(result: Result) -> dict[str, Any]:
    """A result as the values of a line; its scores are lists, in the order step, epoch, value, losses."""
    scores = [[getattr(score, name) for name in _SCORE] for score in result.scores]
    return {**vars(result), "scores": scores, "folds": list(result.folds)}


def result_of(line: Mapping[str, Any]) -> Result:
    """The result that a line holds."""
    nan = float("nan")
    known: list[list[Any]] = [[nan if value is None else value for value in values] for values in line["scores"]]
    scores = tuple(Score(**dict(zip(_SCORE, values, strict=True))) for values in known)
    names = set(Result.__dataclass_fields__)
    given = {name: value for name, value in line.items() if name in names}
    return Result(**given | {"scores": scores, "folds": tuple(line["folds"])})
