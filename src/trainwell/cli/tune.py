"""`trainwell tune`."""

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import (
    Cache,
    Device,
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
    edits: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]... [space.KEY=RANGE]...",
            help="Changes to the recipe, and what is searched besides learning rate and weight decay: "
            "model=mlp space.optimizer.lr=1e-4..1e-1:log space.optimizer=sgd,adamw space.loss.smoothing=auto",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Trials of the search; 30 where no --budget is given, with --resume as before.", show_default=False
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time for all of it instead: 90s, 30m, 1h30m.", show_default=False)
    ] = None,
    strategy: Annotated[
        str, typer.Option(help="How settings are proposed; see trainwell list strategies.")
    ] = "quasi_random",
    pruner: Annotated[
        str, typer.Option(help="Which trainings are given up early; see trainwell list pruners.")
    ] = "none",
    folds: Annotated[
        int | None,
        typer.Option(help="Judge by cross-validation over so many folds, not by one split.", show_default=False),
    ] = None,
    on: Annotated[
        str,
        typer.Option(
            help="How trials run: auto measures; in_turn, side_by_side, fused, fused_side_by_side, ray, ray:ADDRESS."
        ),
    ] = "auto",
    storage: Annotated[
        str | None,
        typer.Option(
            help="Address of a storage of Optuna; a journal file in the study where not given.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the study; a new one below studies/ where not given.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the study in --out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the study in --out.")] = False,
    target: Target = None,
    cache: Cache = None,
    max_broken: MaxBroken = 0.10,
    device: Device = "auto",
    threads: Threads = None,
    seed: Seed = None,
    no_checks: Annotated[bool, typer.Option("--no-checks", help="Search at once, without the checks.")] = False,
    tensorboard: TensorBoard = False,
    keep_memory: KeepMemory = True,
) -> int:
    """Search the settings by the book, coarse to fine, and train the best: what fit does, with a search in it."""
    from trainwell.method.look import Options  # torch is imported when a verb needs it
    from trainwell.method.tune.tune import tune
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
    tuned = tune(
        source,
        edits_with(edits, seed=seed, threads=threads),
        trials=trials,
        budget=budget,
        strategy=strategy,
        pruner=pruner,
        folds=folds,
        on=on,
        storage=storage,
        out=out,
        resume=resume,
        force=force,
        keep_memory=keep_memory,
        options=options,
        screen=screen,
    )
    return 0 if tuned.run.verdict["healthy"] else 1
