"""`trainwell lab`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainwell.errors import BadValue

if TYPE_CHECKING:
    from trainwell.lab.carry_out import Outcome
    from trainwell.lab.claim import Claim

_UNHEALTHY = 1


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CLAIM]...",
            help="Claims to run; all of them where none is named. `list` prints them, `list CLAIM` all that is said of "
            "one.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller experiments, seconds each.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure anew what was measured before.")] = False,
    figure: Annotated[bool, typer.Option("--figure", help="Draw each claim: CLAIM.svg.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the figures; where you are, if none is given.", show_default=False),
    ] = None,
    atlas: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page of all that was run: DIR/index.html.", show_default=False),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what was measured; else TRAINWELL_CACHE, else the user's cache folder.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list, one object a claim.")] = False,
) -> int:
    """The book's claims as experiments: whether each holds here, measured on this machine.

    Leaves with 1 where a verdict differs from the recorded one.
    """
    from trainwell.lab.claims import claims  # torch is imported when a verb needs it

    names = names or []
    listing = names[:1] == ["list"]
    if listing and (quick or fresh or figure or out or atlas or cache):
        raise BadValue(
            "trainwell lab list prints what there is and runs nothing: of the options it takes --json alone."
        )
    if out is not None and not figure:
        raise BadValue("--out is the folder for the figures, and none are drawn. Add --figure, or leave it out.")
    for option, place in (("--out", out), ("--atlas", atlas)):
        if place is not None and place.exists() and not place.is_dir():
            raise BadValue(f"{option} {place} is a file. Give a folder, which is made if need be.")
    wanted = [claims[name] for name in (names[1:] if listing else names)]
    if listing:
        tell(wanted or list(claims), as_json=as_json, whole=bool(wanted))
        return 0
    drawn = (out or Path()) if figure else None
    return _run(wanted or list(claims), quick, fresh, cache, figures=drawn, atlas=atlas, as_json=as_json)


def _run(
    wanted: "list[Claim]",
    quick: bool,
    fresh: bool,
    cache: Path | None,
    *,
    figures: Path | None,
    atlas: Path | None,
    as_json: bool,
) -> int:
    from trainwell.lab.atlas import Entry, write
    from trainwell.lab.carry_out import carry_out
    from trainwell.lab.records import recorded

    entries, found = [], []
    for claim in wanted:
        outcome = carry_out(claim, quick=quick, fresh=fresh, cache=cache)
        before = recorded(claim)
        word = None if before is None else before.outcome.verdict.word
        entries.append(Entry(claim, outcome, word))
        drawn = None if figures is None else _draw(claim, outcome, figures)
        found.append(outcome.json() | {"recorded": word, "figure": None if drawn is None else str(drawn)})
        if not as_json:
            print(_line(outcome, word, drawn), flush=True)
    if as_json:
        print(json.dumps(found, indent=1, allow_nan=False))
    if atlas is not None:
        path = write(entries, atlas)
        print(f"The atlas: {path}", file=sys.stderr if as_json else sys.stdout)
    return _UNHEALTHY if any(e.recorded not in (None, e.outcome.verdict.word) for e in entries) else 0


def _draw(claim: "Claim", outcome: "Outcome", folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{claim.id}.svg"
    path.write_text(claim.figure(outcome.numbers), encoding="utf-8")
    return path


def _line(outcome: "Outcome", recorded: str | None, drawn: Path | None) -> str:
    took = f"{outcome.seconds:.1f} s" + (" then" if outcome.remembered else "")
    text = f"{outcome.id}: {outcome.verdict.word} ({took}). {outcome.verdict.where}"
    if recorded is None:
        text += " No verdict is recorded to compare with."
    elif recorded != outcome.verdict.word:
        text += f" DIFFERS from the recorded verdict: {recorded}."
    return text + (f" Drawn: {drawn}" if drawn is not None else "")


def tell(wanted: "list[Claim]", *, as_json: bool, whole: bool) -> None:
    """Print claims with their recorded verdicts: a line each, or all that is said of them."""
    from trainwell.lab.records import recorded

    rows = []
    for claim in wanted:
        before = recorded(claim)
        verdict = {"verdict": None, "where": None} if before is None else {
            "verdict": before.outcome.verdict.word, "where": before.outcome.verdict.where}  # fmt: skip
        texts = ("id", "chapter", "statement", "why", "question", "set_up", "mark", "source")
        rows.append({name: getattr(claim, name) for name in texts} | verdict)
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    chapter = None
    for row in rows:
        if whole:
            print("\n".join(f"{name.replace('_', '-')}: {text}" for name, text in row.items()) + "\n")
            continue
        if row["chapter"] != chapter:
            chapter = row["chapter"]
            print(f"{chapter}")
        print(f"  {row['id']}: {row['statement']} [{row['verdict'] or 'nothing recorded'}]")
