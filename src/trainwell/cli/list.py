"""`trainwell list`."""

import json
from typing import Annotated

import typer


def command(
    family: Annotated[
        str | None, typer.Argument(metavar="[FAMILY]", help="One of the families.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The families of techniques, or the members of one: name, what it is, source."""
    from trainwell.method.catalogue import families, family_named, headline  # torch is imported when a verb needs it
    from trainwell.method.explain import families_text, family_text

    if family is None:
        listed = [{"name": f.name, "members": len(f.names), "about": headline(f)} for f in families().values()]
        print(json.dumps(listed, indent=1) if as_json else families_text())
        return
    members = family_named(family)
    rows = [{"name": member.id, "about": member.summary, "paper": member.paper} for member in members]
    print(json.dumps(rows, indent=1) if as_json else family_text(members))
