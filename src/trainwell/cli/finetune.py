"""`trainwell finetune`."""

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
    begin: Annotated[
        str,
        typer.Option(
            "--from",
            help="What the training starts from: a run folder, a .safetensors or .pth file of a ResNet (torchvision, "
            "timm), timm:NAME or hub:OWNER/NAME.",
            show_default=False,
        ),
    ],
    edits: Edits = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; a new one below runs/ where not given.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run in --out.")] = False,
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
    """Put a trained network to another task: a new head first, then the rest at a tenth of the rate."""
    from trainwell.method.finetune.finetune import finetune  # torch is imported when a verb needs it
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
    run = finetune(
        source,
        begin,
        edits_with(edits, seed=seed, threads=threads),
        out=out,
        resume=resume,
        force=force,
        options=options,
        screen=screen,
    )
    return 0 if run.verdict["healthy"] else 1
