"""`trainwell evaluate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len

from trainwell.cli.answers import aligned, safe
from trainwell.cli.arguments import DATA_HELP, Cache, Device, KeepMemory, MaxBroken, Target
from trainwell.cli.screen import Terminal

if TYPE_CHECKING:
    from trainwell.method.evaluate import Evaluation

_WIDEST_CONFUSION = 20  # classes up to which the confusion matrix is printed
_MOST_MISTAKES = 5  # printed


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    source: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP, show_default=False)],
    views: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[crops=1|5|10] [scales=N,N] [flips=true]",
            help="Average over crops of each image, over scales of its short side, and over mirror images.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for pictures, the list of mistakes and all figures.", show_default=False),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Compare with another run on the same samples.")
    ] = None,
    temperature: Annotated[
        bool, typer.Option("--temperature", help="Calibrate the probabilities on the run's validation rows.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    target: Target = None,
    cache: Cache = None,
    max_broken: MaxBroken = 0.10,
    device: Device = "auto",
    keep_memory: KeepMemory = True,
) -> None:
    """Metrics, per-class figures, confusion and worst mistakes of a run on data it has not learnt from."""
    from trainwell.data.views import Views  # torch is imported when a verb needs it
    from trainwell.method.evaluate import evaluate
    from trainwell.method.look import Options
    from trainwell.record import finite
    from trainwell.training.machine import keep_memory as keep

    wanted = Views.parse(views or [])
    if keep_memory:
        keep()
    options = Options(target=target, max_broken=max_broken, cache=cache, device=device)
    found = evaluate(
        run,
        source,
        views=wanted,
        temperature=temperature,
        against=against,
        out=out,
        options=options,
        screen=Terminal(aside=True),
    )
    print(json.dumps(finite(found.json()), indent=1) if as_json else _table(found))


def _table(found: "Evaluation") -> str:
    """The evaluation as plain text; the first line is the main metric and its value."""
    lines = [f"{name} {value:.4f}" for name, value in found.metrics.items()]
    lines.append(f"samples {found.count} ({found.part})")
    if found.temperature is not None:
        lines += _temperature(found.temperature)
    if found.views["beside"]:
        lines += ["", *_views(found.views)]
    if found.against is not None:
        lines += ["", *_against(found.against)]
    if found.per_class:
        lines += ["", *_classes(found)]
    if found.mistakes:
        lines += ["", *_mistakes(found.mistakes[:_MOST_MISTAKES])]
    if found.written:
        lines += ["", "written:", *(f"  {path}" for path in found.written)]
    return "\n".join(lines)


def _temperature(scaled: dict[str, Any]) -> list[str]:
    error, loss = scaled["calibration_error"], scaled["log_loss"]
    return [
        f"temperature {scaled['value']:.4f}, fitted on {scaled['fitted_on']}: "
        f"calibration_error {error['before']:.4f} -> {error['after']:.4f}, "
        f"log_loss {loss['before']:.4f} -> {loss['after']:.4f}",
        f"to have it in predictions: trainwell predict ... --temperature {scaled['value']:.4f}",
    ]


def _views(views: dict[str, Any]) -> list[str]:
    """What was averaged over, its cost, and the gain over fewer views."""
    cost = f"cost: {views['milliseconds_a_sample']:.2f} ms a sample, {views['seconds']:.2f} s in all"
    ratio = "" if views["ratio"] is None else f", {views['ratio']:.1f} times one view"
    lines = [views["text"], cost + ratio]
    for fewer in views["beside"]:
        metrics = "  ".join(
            f"{name} {value:.4f} ({views['metrics'][name] - value:+.4f})" for name, value in fewer["metrics"].items()
        )
        own = "" if fewer["count"] == 1 else f"{fewer['count']} views of the recipe, "
        lines += [f"{own}{fewer['views']}: {metrics}", f"  {fewer['test']['text']}"]
    return lines


def _against(compared: dict[str, Any]) -> list[str]:
    """The test, and the figures of the two runs, neither with a temperature."""
    lines = [compared["text"]]
    for name, metrics in zip(compared["names"], compared["metrics"], strict=True):
        lines.append(f"{name}: " + "  ".join(f"{metric} {value:.4f}" for metric, value in metrics.items()))
    return lines


def _classes(found: "Evaluation") -> list[str]:
    names = [safe(name) for name in found.classes]
    width = max(map(cell_len, (*names, "class")))
    lines = [f"{'class':<{width}}  precision  recall      f1  support"]
    for name, row in zip(names, found.per_class.values(), strict=True):
        lines.append(
            f"{aligned(name, width)}  {row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}  "
            f"{row['support']:7d}"
        )
    if len(found.classes) <= _WIDEST_CONFUSION:
        cell = max(5, *(len(str(count)) + 1 for row in found.confusion for count in row))
        lines += ["", "confusion: a row is the true class, a column the predicted one, in the order above"]
        lines += [
            f"{aligned(name, width)}  " + "".join(f"{count:{cell}d}" for count in row)
            for name, row in zip(names, found.confusion, strict=True)
        ]
    return lines


def _mistakes(mistakes: list[dict[str, Any]]) -> list[str]:
    """The worst mistakes, one a line."""
    if "error" in mistakes[0]:
        return [
            "largest errors:",
            *(f"  {safe(m['file'])}: said {_number(m['said'])}, true {_number(m['true'])}" for m in mistakes),
        ]
    return [
        "worst mistakes:",
        *(
            f"  {safe(m['file'])}: said {safe(m['said'])} ({m['probability']:.4f}), true {safe(m['true'])} "
            f"({m['probability_of_true']:.4f})"
            for m in mistakes
        ),
    ]


def _number(value: float | list[float]) -> str:
    return ", ".join(f"{each:.6g}" for each in (value if isinstance(value, list) else [value]))
