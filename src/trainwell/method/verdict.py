"""The end of a run: the weights that were kept, their scores, what its record says, and the verdict."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from trainwell.diagnoses import Finding, gravest_first
from trainwell.diagnoses.recorded import judge_run
from trainwell.errors import Diverged
from trainwell.method.missed import missed_classes
from trainwell.method.screen import Screen
from trainwell.record import BEST_WEIGHTS, DATA, FINDINGS, Record, RunFolder, read_record
from trainwell.report.words import duration
from trainwell.training.engine import Engine
from trainwell.training.evaluate import score
from trainwell.training.loop import Trainer
from trainwell.training.setup import TELLING, Setup

_LABELS = {"train": "training", "valid": "validation", "heldout": "held-out"}


@dataclass(frozen=True)
class Ended:
    """A training that was not one of steps: what `conclude` asks of a trainer.

    Args:
        model: Network on the engine's device.
        seconds: How long it took.
        stopped_early: Whether patience ended it.
        folds: Number of folds of the training samples that chose the weights; 0 where the validation samples did.
    """

    model: nn.Module
    seconds: float
    stopped_early: bool = False
    folds: int = 0


def conclude(
    folder: RunFolder,
    setup: Setup,
    engine: Engine,
    trainer: Trainer | Ended,
    record: Record,
    findings: list[Finding],
    screen: Screen,
) -> None:
    """Load the weights that were kept, score rows that chose nothing, judge the record, give the verdict.

    Args:
        folder: The run.
        setup: What was trained.
        engine: How to compute.
        trainer: At the end of its plan.
        record: Of the run; closed here.
        findings: Failed checks.
        screen: Where to say it.
    """
    tensors, state = folder.read_tensors(BEST_WEIGHTS)
    trainer.model.load_state_dict(tensors)
    record_lines = read_record(folder.path)
    lines = [line for line in record_lines if line["kind"] == "epoch"]
    judged = judge_run(
        setup.recipe,
        folder.read_json(DATA),
        record_lines,
        stopped_early=trainer.stopped_early,
        kept_epoch=state["epoch"],
    ).findings
    scored = [line for line in record_lines if line["kind"] in ("epoch", "head")]
    kept = next((line for line in scored if line["step"] == state["step"]), lines[-1])
    scores = {key: value for key, value in kept.items() if key.startswith(("train_", "valid_"))}
    if "heldout" in setup.feeds:
        held = score(trainer.model, setup.feeds["heldout"], engine, setup.plain_loss, by_class=setup.by_class)
        scores |= {f"heldout_{what}": value for what, value in held.items()}
    judged = (*judged, *missed_classes(trainer.model, setup, engine))
    for finding in judged:
        record.add("finding", **finding.json())
        screen.warn(f"{finding.severity}: {finding.message} {finding.advice}")
    found = gravest_first([*findings, *judged])
    healthy = not any(finding.severity == "error" for finding in found)
    words = _words(setup, scores, state["epoch"], trainer, healthy)
    record.add("note", text=words)
    record.close()
    verdict = {
        "finished": True,
        "healthy": healthy,
        "words": words,
        "kept_epoch": state["epoch"],
        "stopped_early": trainer.stopped_early,
        "seconds": round(trainer.seconds, 3),
        "scores": scores,
    }
    folder.write_json(FINDINGS, {"findings": [f.json() for f in found], "verdict": verdict})
    screen.say(words)
    screen.say(f"run folder: {folder.path}")


def diverged(folder: RunFolder, error: Diverged, findings: list[Finding], record: Record, *, best: bool) -> Diverged:
    """Write down that the loss was not finite; gives the error that says which weights are kept, and what to try."""
    which = "best weights so far" if best else "last weights that were scored"
    kept = (
        f"the {which} are kept"
        if folder.has(BEST_WEIGHTS)
        else "no epoch was finished, so there are no weights to keep"
    )
    finding = Finding(
        "divergence",
        "error",
        f"{error} Now {kept}.",
        "Lower the rate (optimizer.lr), warm up longer (warmup), or bound the gradient (clip=norm); "
        "look at the inputs for huge values.",
    )
    record.add("finding", **finding.json())
    record.close()
    verdict = {"finished": True, "healthy": False, "words": finding.message, "scores": {}}
    folder.write_json(
        FINDINGS, {"findings": [f.json() for f in gravest_first([*findings, finding])], "verdict": verdict}
    )
    return Diverged(f"{finding.message} {finding.advice}")


def _words(setup: Setup, scores: dict[str, Any], epoch: float, trainer: Trainer | Ended, healthy: bool) -> str:
    names = ["accuracy" if setup.num_classes else "r2"]
    names += ["balanced_accuracy"] if setup.by_class else []
    alone = epoch == 0 or setup.recipe.transfer == "head"
    of = "the new head on the weights as they came" if alone else f"weights of epoch {epoch:.4g}"
    parts = [f"{'healthy' if healthy else 'not healthy'}: {of}"]
    if trainer.stopped_early:
        parts.append(f"stopped after {setup.recipe.patience} epochs without a better {setup.monitor}")
    parts += [
        f"{label} {name.replace('_', ' ')} {scores[f'{part}_{name}']:.4f}"
        for part, label in _LABELS.items()
        for name in names
        if f"{part}_{name}" in scores
    ]
    if "heldout" in setup.feeds:
        parts.append(f"the {len(setup.feeds['heldout'])} held-out rows chose nothing")
    elif isinstance(trainer, Ended) and trainer.folds:
        parts.append(
            f"{trainer.folds} folds of the training samples chose the head; "
            f"the {len(setup.feeds['valid'])} validation samples chose nothing"
        )
    elif "valid" in setup.feeds and (setup.recipe.keep == "best" or isinstance(trainer, Ended)):
        parts.append(
            f"the {len(setup.feeds['valid'])} validation samples chose the weights, "
            "so their figure is a little optimistic"
        )
    elif "valid" in setup.feeds and epoch == 0:
        parts.append("training the rest raised the loss of training and validation samples alike")
    elif "valid" in setup.feeds:
        held = len(setup.feeds["valid"])
        few = ", being too few to tell weights apart" if held < TELLING else ""
        parts.append(f"the last weights are kept: the {held} validation samples chose nothing{few}")
    return "; ".join([*parts, f"trained in {duration(trainer.seconds)}"])
