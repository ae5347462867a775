"""`trainwell check`."""

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import (
    Cache,
    Device,
    Edits,
    KeepMemory,
    MaxBroken,
    Seed,
    Source,
    Target,
    Threads,
    edits_with,
)
from trainwell.cli.screen import Terminal


def command(
    source: Source,
    edits: Edits = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the findings and inputs.png; checks/NAME where not given.", show_default=False),
    ] = None,
    target: Target = None,
    cache: Cache = None,
    max_broken: MaxBroken = 0.10,
    device: Device = "auto",
    threads: Threads = None,
    seed: Seed = None,
    keep_memory: KeepMemory = True,
) -> int:
    """The checks alone, in seconds: the data, the initial loss, a small sample learnt by heart, the range of rates."""
    from trainwell.method.check import check  # torch is imported when a verb needs it
    from trainwell.method.look import Options
    from trainwell.training.machine import keep_memory as keep

    if keep_memory:
        keep()
    options = Options(target=target, max_broken=max_broken, cache=cache, device=device)
    screen = Terminal()
    findings = check(
        source,
        edits_with(edits, seed=seed, threads=threads),
        out=out or Path("checks") / Path(source).stem,
        options=options,
        screen=screen,
    )
    healthy = not any(finding.severity == "error" for finding in findings)
    failed = "; failed: " + ", ".join(finding.problem for finding in findings) if findings else ""
    screen.say(("healthy" if healthy else "not healthy") + failed)
    return 0 if healthy else 1
