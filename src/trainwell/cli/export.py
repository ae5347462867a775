"""`trainwell export`."""

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.screen import Terminal


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    format: Annotated[
        str,
        typer.Option(
            help="onnx, for ONNX Runtime; torch, a program that torch runs without the network's code; "
            "safetensors, the weights alone."
        ),
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write; exports/NAME-FORMAT where not given.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export in that folder.")] = False,
) -> None:
    """A run as a folder that runs without Trainwell: model, preprocessing, class names, a README with the code.

    The files are read back and compared with the run on its own data before they are kept.
    """
    from trainwell.method.export.export import export  # torch is imported when a verb needs it

    screen = Terminal()
    done = export(run, format, out=out, force=force, screen=screen)
    screen.say(f"agrees with the run in fp32: {done.agreement.text()}")
    if done.rounded is not None:
        screen.say(f"with the run as it predicts, in bf16: {done.rounded.figures()}")
    for name, size in done.files.items():
        screen.say(f"  {name} {_size(size)}")
    screen.say(f"exported to {done.path}; README.md there has the code that runs it")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
