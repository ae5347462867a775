"""The atlas: one page in which every claim is stated, shown and judged; it looks as the reports of runs do."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from trainwell.errors import StorageFailed
from trainwell.lab.carry_out import Outcome
from trainwell.lab.claim import Claim
from trainwell.report.render import figure, render
from trainwell.report.words import counted

_KINDS = {"does not hold here": "no", "holds in part": "part", "holds": "yes"}
_MANY = {"holds": "hold", "holds in part": "hold in part", "does not hold here": "do not hold here"}
_INTRO = (
    "Every claim of the book about training networks is an experiment here: what was asked, how it was set up, what "
    "had to come out for it to hold (set before the run), and what did. A small net on small data shows what it shows: "
    "a claim that does not hold here may hold elsewhere."
)

_QUICK = "(What stands here is a quick run of it: where it is costly, with fewer seeds, settings or epochs.)"


@dataclass(frozen=True)
class Entry:
    """A claim as it came out.

    Args:
        claim: The claim.
        outcome: What was measured, and the verdict.
        recorded: The recorded verdict; None where nothing is recorded.
    """

    claim: Claim
    outcome: Outcome
    recorded: str | None


def write(entries: Sequence[Entry], folder: Path) -> Path:
    """Write `index.html` into the folder, which is made if need be.

    Args:
        entries: The claims, by chapter.
        folder: Where it goes.

    Returns:
        Path of the page, which needs nothing beside it.

    Raises:
        StorageFailed: The folder cannot be written.
    """
    path = folder / "index.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(page(entries), encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"The atlas cannot be written to {folder}: {error.strerror}. Choose another.") from error
    return path


def page(entries: Sequence[Entry]) -> str:
    """The whole page: what does not hold, a summary of all, and a section a claim."""
    shown = [_shown(entry) for entry in entries]
    words = [one["word"] for one in shown]
    counts = ", ".join(f"{words.count(word)} {many}" for word, many in _MANY.items() if word in words)
    names = dict.fromkeys(entry.claim.chapter for entry in entries)
    by_name = sorted(shown, key=lambda one: str(one["id"]))
    doubtful = [
        {"word": word, "kind": kind, "entries": [one for one in by_name if one["word"] == word]}
        for word, kind in _KINDS.items()
        if kind != "yes" and word in words
    ]
    return render(
        "atlas.html",
        intro=_INTRO,
        counts=f"{counted(len(shown), 'claim')}: {counts}.",
        doubtful=doubtful,
        chapters=[{"name": name, "entries": [one for one in shown if one["chapter"] == name]} for name in names],
    )


def _shown(entry: Entry) -> dict[str, Any]:
    """What the page says of a claim."""
    claim, outcome = entry.claim, entry.outcome
    word, where = outcome.verdict.word, outcome.verdict.where
    drawn = claim.figure(outcome.numbers)
    set_up = f"{claim.set_up} {_QUICK}" if outcome.quick else claim.set_up
    facts = {"Question": claim.question, "Set-up": set_up, "Pass mark": claim.mark, "Source": claim.source}
    seeds = len(claim.seeds(quick=outcome.quick))
    if seeds:
        facts["Repeated"] = f"under {counted(seeds, 'seed')}"
    versions = ", ".join(f"{name} {number}" for name, number in outcome.versions.items())
    return {
        "id": claim.id,
        "chapter": claim.chapter,
        "statement": claim.statement,
        "why": claim.why,
        "word": word,
        "kind": _KINDS[word],
        "recorded": None if entry.recorded == word else entry.recorded,
        "measured": where,
        "line": f"{where.partition('. ')[0].rstrip('.')}.",
        "figure": figure(drawn, Xml.fromstring(drawn).findtext("{*}desc") or ""),
        "facts": list(facts.items()),
        "command": f"trainwell lab {claim.id}{' --quick' if outcome.quick else ''}",
        "made": f"{outcome.seconds:.1f} s of one thread on {outcome.machine}; {versions}.",
        "numbers": json.dumps(outcome.numbers, ensure_ascii=False),
    }
