"""A finished study, read from its folder."""

from pathlib import Path
from typing import Any

from trainwell.method.run import Run
from trainwell.method.tune.folder import PICTURE, SUMMARY, StudyFolder
from trainwell.record import read_record


class Tuned:
    """What a study left behind.

    Args:
        path: Folder of the study.

    Raises:
        BadRun: The folder holds no finished study.
    """

    def __init__(self, path: str | Path) -> None:
        self.folder = StudyFolder(path)
        self.summary: dict[str, Any] = self.folder.read_json(SUMMARY)

    def __repr__(self) -> str:
        return f"Tuned({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The folder."""
        return self.folder.path

    @property
    def run(self) -> Run:
        """The run of the winner, trained by `fit`."""
        return Run(self.folder.best_run)

    @property
    def edits(self) -> tuple[str, ...]:
        """The edits of the recipe that won; none where the recipe's own settings did."""
        return tuple(self.summary["winner"]["edits"])

    @property
    def trials(self) -> list[dict[str, Any]]:
        """The record lines of all trainings."""
        return read_record(self.path, "trial")

    @property
    def picture(self) -> Path | None:
        """The picture of the trials; None where there is none."""
        path = self.path / PICTURE
        return path if path.exists() else None
