"""Recorded: a run judged by what its record holds, while it goes and when it is over.

A record has curves, and of the inside of the network what the recipe measures. It has no inputs, no graph and no trial
with one thing changed: problems that show only there are not found in it, and `checkup` looks for them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trainwell.diagnoses import Diagnosis, Finding, gravest_first
from trainwell.diagnoses.curves import read_curves, score_of
from trainwell.diagnoses.evidence import Evidence, Facts, Group, Look
from trainwell.diagnoses.judge import judge
from trainwell.diagnoses.problems import problems
from trainwell.probes.training import Curves
from trainwell.recipe import Recipe

_SAME = {
    "no-learning": {"loss-not-decreasing", "underfitting"},
    "few-validation-samples": {"overfitting"},
    "still-rising": {"too-few-epochs"},
}
_CURVES = ("no-learning", "few-validation-samples", "overfitting", "still-rising")
_TAIL = 0.8  # of the steps, behind which scores count as those of the end
_UNSEEN = "what a record does not hold: the samples, the graph of the network, trainings with one thing changed"

Line = Mapping[str, Any]


def judge_run(
    recipe: Recipe,
    data: Mapping[str, Any],
    lines: Sequence[Line],
    *,
    stopped_early: bool,
    kept_epoch: float | None = None,
) -> Diagnosis:
    """What the record of a run says: the verdict of `fit`, and `trainwell diagnose RUN`.

    Args:
        recipe: The recipe, all choices resolved.
        data: The content of `data.json`.
        lines: The record, as far as it goes.
        stopped_early: Whether patience ended the run.
        kept_epoch: Epoch of the weights that were kept; 0 where none came up to a head that was trained by itself
            before the first of them. None while that is not known.
    """
    evidence = evidence_of(recipe, data, lines, stopped_early=stopped_early)
    counts = data["facts"].get("counts", {})
    part = "valid" if "valid" in data["splits"] else "train"
    samples = data["splits"][part]["rows"]
    of_part = counts.get(part, {}).values() if data["task"] == "classification" else ()
    baseline = max(of_part, default=0) / max(1, samples)
    # A head that was trained by itself before the first epoch may be what was kept.
    epochs = [{"lr": 0.0, **line} for line in lines if line["kind"] in ("head", "epoch")]
    held = [count for count in of_part if count]
    if epochs and held and score_of(epochs) == "balanced_accuracy":
        # A recall of n samples has the variance p (1 - p) / n, and the mean of K of them that of K^2 / sum(1 / n).
        baseline, samples = 1 / len(held), max(1, int(len(held) ** 2 / sum(1 / count for count in held)))
    curves = read_curves(
        epochs,
        baseline=baseline,
        samples=samples,
        stopped_early=stopped_early or evidence.watched is None or evidence.watched.cut,
        transfer=recipe.transfer,
        folds=_of_folds(epochs, lines, data) if recipe.transfer == "head" else None,
    )
    judged = judge(evidence)
    # The curves are read with the score of a constant answer at hand, and in the words of a recipe: where both see the
    # same thing, that is what is said.
    said = {finding.problem for finding in curves}.union(*(_SAME.get(finding.problem, set()) for finding in curves))
    # A head that was trained by itself has no curves: one pair of scores says no more than what was read off it.
    others = () if recipe.transfer == "head" else map(_passed_by, judged) if kept_epoch == 0 else judged
    findings = [*curves, *(finding for finding in others if finding.problem not in said)]
    return Diagnosis(tuple(gravest_first(findings)), judged.notes)


def _of_folds(epochs: Sequence[Line], lines: Sequence[Line], data: Mapping[str, Any]) -> tuple[float, int] | None:
    """Score of the chosen head on training samples held out in turn, and their number; None where none were."""
    chosen = next((line for line in lines if line["kind"] == "trial" and line.get("chosen")), {})
    found = chosen.get(f"folds_{score_of(epochs)}") if epochs else None
    return None if found is None else (found, data["splits"]["train"]["rows"])


def _passed_by(finding: Finding) -> Finding:
    """A finding on a training whose weights are not those that were kept: no error of the run."""
    if finding.severity != "error":
        return finding
    words = f"{finding.message} The head as it was before this training is what is kept."
    return replace(finding, severity="warning", message=words)


def judged_anew(finding: Finding) -> bool:
    """Whether a finding is one that `judge_run` makes, so that an earlier one of the kind is out of date."""
    return finding.problem in _CURVES or finding.problem in problems


def evidence_of(recipe: Recipe, data: Mapping[str, Any], lines: Sequence[Line], *, stopped_early: bool) -> Evidence:
    """The evidence that a record holds; what it does not is None.

    Args:
        recipe: The recipe, all choices resolved.
        data: The content of `data.json`.
        lines: The record, as far as it goes.
        stopped_early: Whether patience ended the run: it was then not cut.
    """
    rows = {name: part["rows"] for name, part in data["splits"].items()}
    batch_size = min(recipe.batch_size, rows["train"])
    planned = max(1, round(recipe.epochs * rows["train"] / batch_size))
    facts = Facts(
        task=data["task"],
        model=recipe.model.name,
        loss=recipe.loss.name,
        loss_settings=_numbers(recipe.loss.args),
        optimizer=recipe.optimizer.name,
        groups=(Group(settings=_numbers(recipe.optimizer.args), num_parameters=0),),
        scheduler=recipe.schedule.name,
        batch_size=batch_size,
        epochs=max(1, round(recipe.epochs)),
        steps=planned,
        num_train=rows["train"],
        num_valid=rows.get("valid", 0),
        own_valid="valid" in rows,
        num_parameters=0,
        has_build=False,
        random_frozen=(),
        penalty=None,
    )
    nothing: dict[str, Any] = dict.fromkeys(
        name for name in Evidence.__dataclass_fields__ if name not in ("version", "facts")
    )
    held: dict[str, Any] = {
        "watched": curves_of(lines, planned, stopped_early=stopped_early),
        "looks": tuple(_look(line) for line in lines if line["kind"] == "measure"),
        "trials": {},
        "trial_steps": 0,
        "unseen": (_UNSEEN,),
    }
    return Evidence(facts=facts, **(nothing | held))


def curves_of(lines: Sequence[Line], planned: int, *, stopped_early: bool) -> Curves | None:
    """The training as its record has it; None before the first epoch line.

    Before training only batches were looked at (by the check of the initial loss, or in the first step that was
    measured): their loss stands for both splits. Where there is no validation split the training scores stand for it.
    Where classes were to count alike, what was minimised stands for the losses of both splits: the loss of the samples
    as they are may well rise.

    Args:
        lines: The record.
        planned: Steps of the whole run.
        stopped_early: Whether patience ended it.
    """
    epochs = [line for line in lines if line["kind"] == "epoch"]
    losses = [_float(line["loss"]) for line in lines if line["kind"] == "measure"]
    if not epochs:
        return None
    taken = max(line["step"] for line in lines if line["kind"] in ("epoch", "measure"))
    broke = taken + 1 if any(line["kind"] == "finding" and line["problem"] == "divergence" for line in lines) else None
    first = next((_float(line["loss"]) for line in lines if line.get("probe") == "initial_loss"), None)
    first = losses[0] if first is None and losses else first
    split = "valid" if "valid_loss" in epochs[0] else "train"
    score = score_of(epochs)
    train_loss, valid_loss = "train_loss", f"{split}_loss"
    if score == "balanced_accuracy":
        train_loss = valid_loss = "objective"
    found: dict[str, list[Any]] = {
        "steps": [line["step"] for line in epochs],
        "train_loss": [_float(line[train_loss]) for line in epochs],
        "train_score": [_score(line[f"train_{score}"]) for line in epochs],
        "valid_loss": [_float(line[valid_loss]) for line in epochs],
        "valid_score": [_score(line[f"{split}_{score}"]) for line in epochs],
        "train_running": [_float(line["objective"]) for line in epochs],
    }
    if first is not None:
        start = {name: None if name.endswith("score") else first for name in found} | {"steps": 0}
        found = {name: [start[name], *values] for name, values in found.items()}
    if broke is not None:
        end = {name: None if name.endswith("score") else math.nan for name in found} | {"steps": broke}
        found = {name: [*values, end[name]] for name, values in found.items()}
    tail = [line for line in epochs if line["step"] > _TAIL * taken] or epochs[-1:]
    return Curves(
        planned=taken if stopped_early else max(planned, taken),
        taken=taken if broke is None else broke,
        losses=tuple(losses),
        end=_mean([_score(line[f"{split}_{score}"]) for line in tail]),
        train_end=_mean([_score(line[f"train_{score}"]) for line in tail]),
        broke=broke,
        **{name: tuple(values) for name, values in found.items()},
    )


def _look(line: Line) -> Look:
    return Look(
        step=line["step"],
        units=(),
        gradients=_by_weight(line, "gradient_flow."),
        updates={},
        norms={name: value for name, value in _by_weight(line, "weight_norm.").items() if value is not None},
        gradient_norm=line.get("gradient_norm"),
        noise=None,
    )


def _by_weight(line: Line, start: str) -> dict[str, float | None]:
    """Numbers of weights; a record names a layer where it has no other weight."""
    found = {name.removeprefix(start): value for name, value in line.items() if name.startswith(start)}
    return {name if "weight" in name.rpartition(".")[2] else f"{name}.weight": value for name, value in found.items()}


def _numbers(args: Mapping[str, Any]) -> dict[str, Any]:
    return {name: float(value) for name, value in args.items() if isinstance(value, bool | int | float)}


def _float(value: float | None) -> float:
    return math.nan if value is None else value


def _score(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else max(0.0, value)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
