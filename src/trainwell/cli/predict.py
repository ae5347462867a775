"""`trainwell predict`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainwell.cli.answers import AsCsv, AsJson, AsTable, Writer, safe
from trainwell.cli.arguments import Device, KeepMemory
from trainwell.cli.screen import Terminal
from trainwell.errors import BadValue

if TYPE_CHECKING:
    from trainwell.data.dataset import Quarantined


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|FOLDER...",
            help="Images or folders of them; or tables (.csv, .tsv, .parquet), .npz or .npy. "
            "Also views of an image to average over: crops=1|5|10 scales=224,256 flips=true.",
            show_default=False,
        ),
    ],
    top: Annotated[
        int | None, typer.Option(metavar="K", help="Give the K most probable classes.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    temperature: Annotated[
        float | None,
        typer.Option(metavar="T", help="Calibrate by what `evaluate --temperature` has found.", show_default=False),
    ] = None,
    device: Device = "auto",
    keep_memory: KeepMemory = True,
) -> int:
    """Class names and probabilities, or values, of new images or rows."""
    from trainwell.data.views import Views  # torch is imported when a verb needs it
    from trainwell.method.load import load
    from trainwell.method.predictions import check_top
    from trainwell.method.samples.read import has_rows
    from trainwell.training.machine import keep_memory as keep

    if as_json and as_csv:
        raise BadValue("--json and --csv were both given, and there is one standard output. Choose one of them.")
    words = [word for word in inputs if "=" in word and not os.path.lexists(word)]
    views = Views.parse(words)
    paths = [word for word in inputs if word not in words]
    if not paths:
        raise BadValue("There is nothing to predict. Name files or folders after the run.")
    if keep_memory:
        keep()
    predictor = load(run, device=device, temperature=temperature)
    if top is not None:
        check_top(top, predictor.classes)
    screen = Terminal(aside=True)
    form = AsJson if as_json else AsCsv if as_csv else AsTable
    writer: Writer = form(sys.stdout, predictor.classes, top=top, rows=has_rows(paths))
    broken: list[Quarantined] = []
    notes: list[str] = []
    read = 0
    for part in predictor.stream(paths, views=views, screen=None if sys.stdout.isatty() else screen):
        writer.add(part)
        broken += part.broken
        notes += part.notes
        read += len(part)
    writer.end(broken, notes)
    for note in notes:
        screen.say(safe(note))
    for each in broken:
        screen.warn(f"not read: {safe(each.path)}: {safe(each.reason)}")
    if broken:
        screen.warn(f"{len(broken):,} could not be read; {read:,} predicted")
    return 0 if read else 1
