"""`trainwell fit`."""

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
    TensorBoard,
    Threads,
    edits_with,
)
from trainwell.cli.screen import Terminal


def command(
    source: Source,
    edits: Edits = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; a new one below runs/ where not given.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run in --out.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Check the recipe with the doctor first, and mend it where that helps.")
    ] = False,
    target: Target = None,
    cache: Cache = None,
    max_broken: MaxBroken = 0.10,
    device: Device = "auto",
    threads: Threads = None,
    seed: Seed = None,
    no_checks: Annotated[bool, typer.Option("--no-checks", help="Train at once, without the checks.")] = False,
    tensorboard: TensorBoard = False,
    keep_memory: KeepMemory = True,
) -> int:
    """Train a network by the book: look, check, learning rate, train, read the curves, verdict."""
    from trainwell.method.fit import fit  # torch is imported when a verb needs it
    from trainwell.method.look import Options
    from trainwell.training.machine import keep_memory as keep

    screen = Terminal()
    if keep_memory and not keep():
        screen.say("memory: this system's allocator cannot be told to keep memory between steps")
    options = Options(
        target=target,
        max_broken=max_broken,
        cache=cache,
        device=device,
        checks=not no_checks,
        tensorboard=tensorboard,
    )
    run = fit(
        source,
        edits_with(edits, seed=seed, threads=threads),
        out=out,
        resume=resume,
        force=force,
        repair=repair,
        options=options,
        screen=screen,
    )
    return 0 if run.verdict["healthy"] else 1
