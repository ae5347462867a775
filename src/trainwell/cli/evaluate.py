"""`trainwell evaluate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainwell.cli.arguments import DATA_HELP, Cache, Device, KeepMemory, MaxBroken, Target
from trainwell.cli.screen import Terminal

if TYPE_CHECKING:
    from trainwell.method.evaluate import Evaluation

_WIDEST_CONFUSION = 20  # classes up to which the confusion matrix is printed


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    source: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP, show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    target: Target = None,
    cache: Cache = None,
    max_broken: MaxBroken = 0.10,
    device: Device = "auto",
    keep_memory: KeepMemory = True,
) -> None:
    """Metrics, per-class figures and the confusion matrix of a run on data it has not learnt from."""
    from trainwell.method.evaluate import evaluate  # torch is imported when a verb needs it
    from trainwell.method.look import Options
    from trainwell.training.machine import keep_memory as keep

    if keep_memory:
        keep()
    options = Options(target=target, max_broken=max_broken, cache=cache, device=device)
    found = evaluate(run, source, options=options, screen=Terminal(aside=True))
    print(json.dumps(found.json(), indent=1) if as_json else _table(found))


def _table(found: "Evaluation") -> str:
    """The evaluation as plain text; the first line is the main metric and its value."""
    lines = [f"{name} {value:.4f}" for name, value in found.metrics.items()]
    lines.append(f"samples {found.count} ({found.part})")
    if not found.per_class:
        return "\n".join(lines)
    width = max(len(name) for name in (*found.classes, "class"))
    lines += ["", f"{'class':<{width}}  precision  recall      f1  support"]
    for name, row in found.per_class.items():
        lines.append(
            f"{name:<{width}}  {row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}  {row['support']:7d}"
        )
    if len(found.classes) <= _WIDEST_CONFUSION:
        cell = max(5, *(len(str(count)) + 1 for row in found.confusion for count in row))
        lines += ["", "confusion: a row is the true class, a column the predicted one, in the order above"]
        lines += [
            f"{name:<{width}}  " + "".join(f"{count:{cell}d}" for count in row)
            for name, row in zip(found.classes, found.confusion, strict=True)
        ]
    return "\n".join(lines)
