"""`trainwell report`."""

from pathlib import Path
from typing import Annotated

import typer

from trainwell.errors import BadValue


def command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="A run or a study, finished or not; several are compared.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the page goes; report.html in the folder of one run, comparison.html where you are of several.",
            show_default=False,
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Serve the page, and keep it up to date while the run trains.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of --live; a free one where not given.", show_default=False),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address of --live; only this machine where not given.", show_default=False),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write the record as TensorBoard events instead: RUN/tensorboard.")
    ] = False,
) -> None:
    """A page to read: what a run did, what came out, and why. Of several runs, what sets them apart."""
    if not live and (port is not None or host is not None):
        raise BadValue("--port and --host are for --live. Add it, or leave them out.")
    if live and (len(runs) > 1 or out is not None):
        raise BadValue("--live serves the page of one run and writes no file: give one RUN, and no --out.")
    if tensorboard and (live or len(runs) > 1 or out is not None):
        raise BadValue("--tensorboard writes the events of one run: give one RUN, and neither --out nor --live.")
    if live:
        from trainwell.report.live.serve import serve  # the layers below are imported when the verb needs them

        serve(runs[0], host or "127.0.0.1", port or 0)
        return
    if tensorboard:
        from trainwell.report.events import write_events

        print(write_events(runs[0]))
        return
    print(_written(runs, out))


def _written(runs: list[Path], out: Path | None) -> Path:
    if len(runs) > 1:
        from trainwell.report.compare import write_comparison

        return write_comparison(runs, out)
    from trainwell.report.write import write_report

    return write_report(runs[0], out)
