"""The recorded verdicts: what came out when the whole of a claim was run, one file a claim."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainwell.errors import BadValue
from trainwell.lab.carry_out import Outcome, carry_out
from trainwell.lab.claim import Claim, Verdict
from trainwell.lab.claims import claims

FOLDER = Path(__file__).with_name("recorded")


@dataclass(frozen=True)
class Record:
    """What was recorded of a claim.

    Args:
        outcome: Of the whole run.
        quick_seconds: What the quick run took, which came to the same verdict.
    """

    outcome: Outcome
    quick_seconds: float


def recorded(claim: Claim) -> Record | None:
    """What was recorded of a claim; None where nothing was."""
    path = FOLDER / f"{claim.id}.json"
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    seconds = content.pop("quick_seconds")
    return Record(Outcome(**(content | {"verdict": Verdict(**content["verdict"])}), remembered=True), seconds)


def write(ids: Sequence[str] = (), folder: Path = FOLDER) -> None:
    """Run claims anew, quick and in full, and record what the whole run says; all of them where none is named.

    Raises:
        BadValue: The quick run of a claim came to another verdict: its record was left as it is.
    """
    apart = []
    for claim in [claims[id] for id in ids] or claims:
        whole, quick = (carry_out(claim, quick=short, fresh=True) for short in (False, True))
        print(f"{claim.id}: {whole.verdict.word} ({whole.seconds:.1f} s). {whole.verdict.where}", flush=True)
        if whole.verdict.word != quick.verdict.word:
            apart.append(f"{claim.id}: {quick.verdict.word} ({quick.seconds:.1f} s). {quick.verdict.where}")
            continue
        content = whole.json() | {"quick_seconds": quick.seconds}
        (folder / f"{claim.id}.json").write_text(json.dumps(content, allow_nan=False) + "\n")
    if apart:
        raise BadValue("Not recorded, since the quick run says otherwise. " + " ".join(apart))
