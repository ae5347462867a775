"""What was recorded of a program: its evidence, how long that took, and what is known to be wrong with it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainwell.diagnoses.evidence import VERSION, Evidence, load

EVIDENCE, NOTE = "evidence.json", "record.json"


@dataclass(frozen=True)
class Record:
    """A program and its evidence.

    Args:
        case: As in its file: `id`, `family`, `kind` (`fault` | `clean`), `labels`, and the ids of problems that are
            right: `cause` (root causes), `accepts` (causes and direct symptoms), `also_works`.
        evidence: None where it could not be had.
        seconds: Wall time of gathering it, on one thread.
        error: What it ended with, as a traceback; None where it went well.
        share: Of the planned steps, how many a training took at most.
        fingerprint: Of the settings of the program; None where it has none.
        commit: Of Trainwell.
    """

    case: dict[str, Any]
    evidence: Evidence | None
    seconds: float
    error: str | None
    share: float
    fingerprint: str | None = None
    commit: str | None = None

    @property
    def id(self) -> str:
        """Id of the case, FAMILY/NAME."""
        return self.case["id"]

    @property
    def family(self) -> str:
        """Family of the case."""
        return self.case["family"]

    def save(self, folder: Path) -> None:
        """Write it to FOLDER/FAMILY/NAME/."""
        place = folder / self.id
        place.mkdir(parents=True, exist_ok=True)
        (place / EVIDENCE).unlink(missing_ok=True)
        if self.evidence is not None:
            self.evidence.save(place / EVIDENCE)
        note = {name: getattr(self, name) for name in ("case", "seconds", "error", "share", "fingerprint", "commit")}
        (place / NOTE).write_text(json.dumps(note | {"version": VERSION}, indent=1) + "\n")


def recorded(folder: Path) -> list[Record]:
    """All that was recorded in a folder, by id; what an older form of evidence holds is left out."""
    return [read(file.parent) for file in sorted(folder.rglob(NOTE)) if _note(file)["version"] == VERSION]


def read(place: Path) -> Record:
    """What was recorded in FOLDER/FAMILY/NAME."""
    note = _note(place / NOTE)
    del note["version"]
    evidence = load(place / EVIDENCE) if note["error"] is None else None
    return Record(evidence=evidence, **note)


def done(folder: Path, case: dict[str, Any], share: float, fingerprint: str | None) -> bool:
    """Whether this program was recorded, well and as it is now."""
    file = folder / case["id"] / NOTE
    if not file.exists():
        return False
    note = _note(file)
    wanted = {"version": VERSION, "error": None, "share": share, "fingerprint": fingerprint}
    return all(note[name] == value for name, value in wanted.items())


def _note(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())
