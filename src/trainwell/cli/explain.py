"""`trainwell explain`."""

import io
import json
import shutil
import sys
from typing import Annotated

import typer

from trainwell.cli.lab import tell
from trainwell.errors import BadValue, UnknownName

_CLAIMS = "claims/"
_NEAR = "Did you mean"
_WIDEST = 100  # columns of text that read well
_BRAILLE = "⣿"


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A technique: lion, schedules/linear, or activations/package.module:name for one of your own. Or a "
            "claim of the lab: sgd-zigzag, claims/whitening.",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list, one object for each meaning.")] = False,
) -> None:
    """What a technique is: definition, facts, when to use it and when not, parameters, cost, source.

    Or what a claim says, how it was tried, and whether it holds.
    """
    try:
        if name.startswith(_CLAIMS):
            _tell(name.removeprefix(_CLAIMS), as_json=as_json)
        else:
            _explain(name, as_json=as_json)
    except BadValue as error:
        try:
            _tell(name, as_json=as_json)
        except UnknownName as other:
            # Whichever knows a name that is near; one with a slash asks for a technique.
            nearer = "/" not in name and _NEAR in str(other) and _NEAR not in str(error)
            raise (other if nearer else error) from None


def _tell(id: str, *, as_json: bool) -> None:
    """Print what a claim says and its recorded verdict; raises `UnknownName` where there is none of that name."""
    from trainwell.lab.claims import claims  # torch is imported when a verb needs it

    tell([claims[id]], as_json=as_json, whole=True)


def _explain(name: str, *, as_json: bool) -> None:
    """Print what a technique is; raises `BadValue` where there is none of that name."""
    from trainwell.method.card import card  # torch is imported when a verb needs it
    from trainwell.method.catalogue import find
    from trainwell.method.explain import card_text

    cards = [card(member) for member in find(name)]
    if as_json:
        print(json.dumps([one.json() for one in cards], indent=1))
        return
    if len(cards) > 1:
        meanings = [f"{one.family}/{one.id}" for one in cards]
        print(
            f"{name} is in {len(cards)} families: {', '.join(meanings)}. One alone: trainwell explain {meanings[0]}\n"
        )
    width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns)
    texts = [card_text(one, width=width, braille=_can_print(_BRAILLE)) for one in cards]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # names of authors, where the encoding has no such letters
    print(f"\n\n{'-' * width}\n\n".join(texts))


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
