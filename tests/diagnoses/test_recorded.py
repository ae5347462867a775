"""A run judged by its record: the evidence that a record holds, worked out by hand, and what is said of it."""

import math
from typing import Any

import pytest

from trainwell.diagnoses import Finding
from trainwell.diagnoses.evidence import load
from trainwell.diagnoses.recorded import curves_of, evidence_of, judge_run, judged_anew
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, build

DATA = {
    "task": "classification",
    "splits": {"train": {"rows": 300}, "valid": {"rows": 100}},
    "facts": {"counts": {"train": {"a": 150, "b": 150}, "valid": {"a": 60, "b": 40}}},
}


def recipe(*edits: str) -> Recipe:
    made = build("table", Shape("table", (4,), ("a", "b"), 300))
    return made.edit(["batch_size=30", "epochs=10", "schedule=constant", *edits])


def epoch(number: int, train: float | None, valid: float | None, loss: float = 0.5, **more: Any) -> dict[str, Any]:
    line = {"kind": "epoch", "epoch": number, "step": 10 * number, "lr": 0.1, "objective": loss + 0.1}
    return (
        line | {"train_loss": loss, "train_accuracy": train, "valid_loss": loss + 0.2, "valid_accuracy": valid} | more
    )


def measure(step: int, loss: float, **more: Any) -> dict[str, Any]:
    return {"kind": "measure", "step": step, "lr": 0.1, "loss": loss} | more


def check(loss: float) -> dict[str, Any]:
    return {"kind": "check", "probe": "initial_loss", "ok": True, "message": "", "advice": "", "loss": loss}


LEARNT = [epoch(n, 0.9 + 0.005 * n, 0.9 + 0.004 * n, 0.5 / n) for n in range(1, 11)]


def test_curves_as_the_record_has_them() -> None:
    lines = [check(0.7), measure(5, 0.6), epoch(1, 0.7, 0.65, 0.5), measure(15, 0.4), epoch(2, 0.8, 0.7, 0.3)]
    found = curves_of(lines, 100, stopped_early=False)
    assert found is not None
    assert (found.planned, found.taken, found.cut, found.broke) == (100, 20, True, None)
    assert found.steps == (0, 10, 20)
    assert found.losses == (0.6, 0.4)
    assert found.train_loss == (0.7, 0.5, 0.3)  # before training it is that of the check, for both splits
    assert found.valid_loss == (0.7, pytest.approx(0.7), pytest.approx(0.5))
    assert found.train_running == (0.7, pytest.approx(0.6), pytest.approx(0.4))
    assert found.train_score == (None, 0.7, 0.8) and found.valid_score == (None, 0.65, 0.7)
    assert (found.end, found.train_end) == (0.7, 0.8)


def test_the_end_is_the_last_fifth_and_patience_cuts_nothing() -> None:
    found = curves_of(LEARNT, 100, stopped_early=False)
    assert found is not None and not found.cut
    assert found.end == pytest.approx(0.9 + 0.004 * 9.5) and found.train_end == pytest.approx(0.9 + 0.005 * 9.5)
    short = curves_of(LEARNT[:5], 100, stopped_early=True)
    assert short is not None and (short.planned, short.taken, short.cut) == (50, 50, False)


def test_the_first_measured_loss_stands_for_the_check() -> None:
    found = curves_of([measure(1, 0.69), *LEARNT], 100, stopped_early=False)
    assert found is not None and found.train_loss[0] == 0.69 and found.steps[0] == 0
    bare = curves_of(LEARNT, 100, stopped_early=False)
    assert bare is not None and bare.steps[0] == 10  # nothing is made up
    assert curves_of([check(0.7), measure(5, 0.6)], 100, stopped_early=False) is None


def test_a_run_that_broke() -> None:
    diverged = {"kind": "finding", **Finding("divergence", "error", "NaN").json()}
    found = curves_of([check(0.7), *LEARNT[:2], diverged], 100, stopped_early=False)
    assert found is not None
    assert (found.broke, found.taken, found.cut) == (21, 21, False)
    assert found.steps == (0, 10, 20, 21) and math.isnan(found.train_loss[-1]) and found.valid_score[-1] is None


def test_without_a_validation_split_the_training_samples_stand_for_it() -> None:
    lines = [{name: value for name, value in line.items() if not name.startswith("valid")} for line in LEARNT]
    found = curves_of(lines, 100, stopped_early=False)
    assert found is not None
    assert found.valid_loss == found.train_loss and found.valid_score == found.train_score


def test_values_are_scored_by_r2_which_is_not_below_0() -> None:
    lines = [
        {
            "kind": "epoch",
            "step": 10 * n,
            "lr": 0.1,
            "objective": 1.0,
            "train_loss": 1.0,
            "train_r2": r2,
            "valid_loss": None,
        }
        | {"valid_r2": r2}
        for n, r2 in ((1, -0.5), (2, None), (3, 0.25))
    ]
    found = curves_of(lines, 30, stopped_early=False)
    assert found is not None
    assert found.valid_score == (0.0, None, 0.25)
    assert all(map(math.isnan, found.valid_loss))


def test_evidence_has_what_the_recipe_says_and_nothing_else() -> None:
    flow = {"gradient_flow_ratio": 0.5, "gradient_flow.body.0": 0.1, "gradient_flow.head": None}
    lines = [*LEARNT, measure(20, 0.4, gradient_norm=1.5, **flow, **{"weight_norm": 3.0, "weight_norm.head": 2.0})]
    found = evidence_of(recipe("optimizer=sgd", "optimizer.lr=0.2"), DATA, lines, stopped_early=False)
    facts = found.facts
    assert (facts.task, facts.loss, facts.optimizer, facts.lr) == ("classification", "cross_entropy", "sgd", 0.2)
    assert (facts.batch_size, facts.epochs, facts.steps) == (30, 10, 100)
    assert (facts.num_train, facts.num_valid, facts.own_valid) == (300, 100, True)
    assert found.architecture is None and found.inputs is None and found.trials == {} and found.unseen
    (look,) = found.looks
    assert (look.step, look.gradient_norm) == (20, 1.5)
    assert look.gradients == {"body.0.weight": 0.1, "head.weight": None} and look.norms == {"head.weight": 2.0}
    assert load(found.json()) == found


def problems(lines: list[dict[str, Any]], **change: Any) -> list[str]:
    found = judge_run(recipe(), DATA | change, lines, stopped_early=False)
    return [finding.problem for finding in found if finding.severity != "note"]


def test_a_run_that_learns_is_healthy() -> None:
    found = judge_run(recipe(), DATA, [check(0.69), *LEARNT], stopped_early=False)
    assert found.healthy, found
    assert any("record does not hold" in note for note in found.notes)


def test_no_learning_is_told_by_the_commonest_class_of_the_split() -> None:
    flat = [check(0.69), *(epoch(n, 0.5, 0.61, 0.69) for n in range(1, 11))]
    assert problems(flat)[0] == "no-learning"
    assert not {"loss-not-decreasing", "underfitting"} & set(problems(flat))  # which would say the same once more
    rarer = {"counts": {"train": {"a": 150, "b": 150}, "valid": {"a": 10, "b": 10, "c": 10, "d": 70}}}
    assert "no-learning" in problems([epoch(n, 0.9, 0.72, 0.3 / n) for n in range(1, 11)], facts=rarer)
    assert "no-learning" not in problems([epoch(n, 0.9, 0.9, 0.3 / n) for n in range(1, 11)], facts=rarer)


def test_a_gradient_that_does_not_reach_the_first_layer_is_seen_in_a_record() -> None:
    flat = [check(0.69), *(epoch(n, 0.5, 0.61, 0.69) for n in range(1, 11))]
    sizes = {f"weight_norm.{name}": 1.0 for name in ("body.0", "body.2", "head")}

    def looks(first: float) -> list[dict[str, Any]]:
        flow = {"gradient_flow.body.0": first, "gradient_flow.body.2": 0.1, "gradient_flow.head": 1.0}
        return [measure(step, 0.69, gradient_norm=1.0, **flow, **sizes) for step in (20, 40, 60)]

    assert "vanishing-gradient" in problems([*flat, *looks(1e-9)])
    assert "vanishing-gradient" not in problems([*flat, *looks(0.1)])


def test_a_head_that_is_kept_counts_as_learnt() -> None:
    head = {k: v for k, v in epoch(0, 0.9, 0.9).items() if k != "lr"} | {"kind": "head", "step": 0}
    worse = [epoch(number, 0.5, 0.5) for number in range(1, 6)]
    assert "no-learning" in problems(worse)
    assert "no-learning" not in problems([head, *worse])
    by_heart = [head | {"train_accuracy": 1.0, "valid_accuracy": 0.5}, epoch(1, 1.0, 0.5)]
    found = judge_run(recipe().replace(transfer="head"), DATA, by_heart, stopped_early=False)
    assert "no-learning" in {finding.problem for finding in found.findings}
    chosen = {"kind": "trial", "stage": "head", "chosen": True, "folds_accuracy": 0.9}
    other = chosen | {"chosen": False, "folds_accuracy": 0.5}
    told = judge_run(recipe().replace(transfer="head"), DATA, [other, chosen, *by_heart], stopped_early=False)
    assert "no-learning" not in {finding.problem for finding in told.findings}
    assert [finding.problem for finding in found] == ["no-learning"]  # and nothing on how it was trained


def test_learning_by_heart_is_said_once() -> None:
    lines = [check(0.69)]
    lines += [epoch(n, 0.99, 0.8 - 0.01 * n, 0.1 / n, valid_loss=0.5 + 0.1 * n) for n in range(1, 11)]
    assert problems(lines).count("overfitting") == 1


def test_findings_that_are_made_anew_are_known() -> None:
    assert judged_anew(Finding("no-learning", "error", "")) and judged_anew(Finding("overfitting", "warning", ""))
    assert judged_anew(Finding("dead-units", "error", ""))
    assert not judged_anew(Finding("overfit-sample", "error", "")) and not judged_anew(
        Finding("divergence", "error", "")
    )
    assert not judged_anew(Finding("selu_norm", "warning", ""))
