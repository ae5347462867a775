"""The atlas: one page in which every claim is stated, shown and judged."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from trainwell.errors import StorageFailed
from trainwell.lab.carry_out import Outcome
from trainwell.lab.claim import Claim

_KINDS = {"holds": "yes", "holds in part": "part", "does not hold here": "no"}
_MANY = {"holds": "hold", "holds in part": "hold in part", "does not hold here": "do not hold here"}
_TITLE = "Trainwell: the book's claims, tried"
_INTRO = (
    "Every claim of the book about training networks is an experiment here: what was asked, how it was set up, what "
    "had to come out for it to hold (set before the run), and what did. A small net on small data shows what it shows: "
    "a claim that does not hold here may hold elsewhere."
)
_STYLE = """
:root{color-scheme:light dark;--ink:#1d2026;--quiet:#5c636e;--paper:#fff;--edge:#dfe2e7;--yes:#00785a;--part:#8a6a00;
--no:#b3261e;--link:#0067a5}
@media (prefers-color-scheme:dark){:root{--ink:#e9ebef;--quiet:#a3abb8;--paper:#15181d;--edge:#3a404a;--yes:#3fcf9f;
--part:#e0c04a;--no:#ff8a80;--link:#5cb8f2}}
body{margin:0 auto;padding:1rem;max-width:44rem;background:var(--paper);color:var(--ink);
font:1rem/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}h1{line-height:1.2}h2{margin:3rem 0 0;border-bottom:1px solid var(--edge);text-transform:capitalize}
article{margin:2rem 0 3rem}h3{margin:0;font-size:1.2rem}
.verdict{font-weight:600}.yes{color:var(--yes)}.part{color:var(--part)}.no{color:var(--no)}
.statement{font-size:1.1rem;margin:.3rem 0}.tw-chart{display:block;margin:1rem 0}
dl{display:grid;grid-template-columns:6.5rem 1fr;gap:.3rem .8rem}dt{color:var(--quiet)}dd{margin:0}
@media (max-width:32rem){dl{grid-template-columns:1fr}dd{margin:0 0 .4rem}}
code{font-size:.9em}pre{overflow-x:auto;font-size:.75rem;max-height:20rem;white-space:pre-wrap}
ul{padding-left:1.1rem}summary,.quiet{color:var(--quiet)}
@media print{details{display:none}article{break-inside:avoid}}
"""


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
    """The whole page: contents, and a section a claim."""
    chapters = list(dict.fromkeys(entry.claim.chapter for entry in entries))
    sections = "".join(
        f"<h2>{chapter}</h2>{''.join(_section(e) for e in entries if e.claim.chapter == chapter)}"
        for chapter in chapters
    )
    contents = "".join(
        f"<li>{chapter}<ul>{''.join(_item(e) for e in entries if e.claim.chapter == chapter)}</ul></li>"
        for chapter in chapters
    )
    words = [entry.outcome.verdict.word for entry in entries]
    counts = ", ".join(f"{words.count(word)} {many}" for word, many in _MANY.items() if word in words)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_TITLE}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body>'
        f"<header><h1>{_TITLE}</h1><p>{_INTRO}</p><p>{len(entries)} claims: {counts}.</p></header>"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav><main>{sections}</main></body></html>\n'
    )


def _item(entry: Entry) -> str:
    id = escape(entry.claim.id)
    return f'<li><a href="#{id}">{id}</a>: {_verdict(entry.outcome.verdict.word)}</li>'


def _verdict(word: str) -> str:
    return f'<span class="verdict {_KINDS[word]}">{word}</span>'


def _section(entry: Entry) -> str:
    claim, outcome = entry.claim, entry.outcome
    quick = " --quick" if outcome.quick else ""
    rows = {
        "Why": claim.why,
        "Question": claim.question,
        "Set-up": claim.set_up,
        "Pass mark": claim.mark,
        "Measured": outcome.verdict.where,
        "Source": claim.source,
    }
    told = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    told += f"<dt>Run it</dt><dd><code>trainwell lab {claim.id}{quick}</code></dd>"
    versions = ", ".join(f"{name} {number}" for name, number in outcome.versions.items())
    differs = ""
    if entry.recorded not in (None, outcome.verdict.word):
        differs = f' <strong class="no">differs from the recorded verdict: {entry.recorded}</strong>'
    numbers = escape(json.dumps(outcome.numbers, ensure_ascii=False))
    return (
        f'<article id="{claim.id}"><h3>{claim.id}</h3>'
        f'<p class="statement">{escape(claim.statement)}</p><p>{_verdict(outcome.verdict.word)}{differs}</p>'
        f"{claim.figure(outcome.numbers)}<dl>{told}</dl>"
        f'<p class="quiet">{outcome.seconds:.1f} s of one thread on {escape(outcome.machine)}; {escape(versions)}.</p>'
        f"<details><summary>All numbers</summary><pre>{numbers}</pre></details></article>"
    )
