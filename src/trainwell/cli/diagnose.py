"""`trainwell diagnose`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from trainwell.errors import BadValue


def command(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A run folder; the run may still be going.", show_default=False),
    ] = None,
    script: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="A function of your own that gives (model, loss, optimizer, train, valid, batch_size, epochs), or a "
            "dict of the arguments of trainwell.checkup. One that takes a seed is called with several.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    seconds: Annotated[
        float | None, typer.Option(min=0.0, help="Most seconds that a script's checkup may take.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what a script's checkup draws.")] = 0,
) -> int:
    """What is wrong, the likeliest cause first, and what to do: of a run, or of any PyTorch program."""
    from trainwell.method.diagnose import diagnose, diagnose_script  # torch is imported when a verb needs it
    from trainwell.record import finite

    if (run is None) == (script is None):
        raise BadValue("Give a run folder, or --script MODULE:FUNCTION, and not both.")
    if run is not None and (seconds is not None or seed):
        raise BadValue("--seconds and --seed are for --script: the record of a run is read as it is.")
    found = diagnose(run) if run is not None else diagnose_script(str(script), seconds=seconds, seed=seed)
    print(json.dumps(finite(found.json()), indent=1) if as_json else found)
    return 0 if found.healthy else 1
