"""The folder of a study: `study.json`, the record, the journal, the summary, the picture, and the run at the end."""

import json
import shutil
from pathlib import Path
from typing import Any

from trainwell.errors import BadRun
from trainwell.recipe import Recipe
from trainwell.record import DATA, ENVIRONMENT, RECORD, REPORT, RunFolder
from trainwell.search.storage import JOURNAL

STUDY, SUMMARY, SUMMARY_TEXT, PICTURE, BEST_RUN = "study.json", "summary.json", "summary.md", "trials.svg", "best-run"


class StudyFolder(RunFolder):
    """A study on disk; locked, read and written as a run is."""

    @property
    def exists(self) -> bool:
        """Whether the folder holds a study."""
        return (self.path / STUDY).exists()

    @property
    def best_run(self) -> Path:
        """The run folder of the winner."""
        return self.path / BEST_RUN

    def clear(self) -> None:
        """Remove what a study has written, and nothing else that lies in the folder."""
        shutil.rmtree(self.best_run, ignore_errors=True)
        for name in (SUMMARY, SUMMARY_TEXT, PICTURE, DATA, ENVIRONMENT, RECORD, JOURNAL, STUDY, REPORT):
            (self.path / name).unlink(missing_ok=True)

    def refuse_unless(self, *, resume: bool, force: bool) -> None:
        """Raise `BadRun` where the folder is not as `--resume` and `--force` have it."""
        self.refuse_if_no_folder()
        if RunFolder(self.path).exists:
            raise BadRun(f"{self.path} holds a run, not a study. Give another --out.")
        if self.exists and not (resume or force):
            raise BadRun(
                f"{self.path} holds a study. Go on with it by --resume, replace it by --force, or give another --out."
            )
        others = [name for name in (SUMMARY, SUMMARY_TEXT, PICTURE, BEST_RUN) if self.has(name)]
        if others and not self.exists:
            raise BadRun(f"{self.path} holds {others[0]}, which is of no study and would be lost. Give another --out.")
        if resume and not self.exists:
            raise BadRun(f"{self.path} holds no study to go on with. Leave --resume out to start one.")

    def refuse_other(self, now: dict[str, Any]) -> None:
        """Raise `BadRun` where the study was started otherwise; a budget that grew is the one change there may be."""
        before, now = self.read_json(STUDY)["request"], json.loads(json.dumps(now))
        other = [name for name in now if before.get(name) != now[name]]
        names = {"data": "fingerprint of the data"}
        changed = [f"{names.get(name, name)}: {_words(before.get(name))} -> {_words(now[name])}" for name in other]
        if before["recipe"] != now["recipe"]:
            said = Recipe.from_json(before["recipe"]).difference(Recipe.from_json(now["recipe"]))
            changed = [*said, *(text for text in changed if not text.startswith("recipe: "))]
        if changed:
            raise BadRun(
                f"{self.path} was started with something else: {'; '.join(changed)}. Give the same to go on (only the "
                "budget may grow), or start anew with --force or another --out."
            )


def _words(value: Any) -> str:
    """A part of a request, as a person would write it."""
    if isinstance(value, dict):
        return " ".join([value["name"], *(f"{key}={inner}" for key, inner in value.items() if key != "name")])
    return (" ".join(value) if isinstance(value, list) else str(value or "")) or "none"


def new_folder(source: Any) -> StudyFolder:
    """A folder below `studies` that does not exist yet, called after the data."""
    name = Path(str(source)).stem if isinstance(source, str | Path) else "study"
    number = 1
    while (Path("studies") / f"{name}-{number}").exists():
        number += 1
    return StudyFolder(Path("studies") / f"{name}-{number}")
