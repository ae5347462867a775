"""Reading the curves: each finding by lines that show it, and none by healthy ones."""

from collections.abc import Sequence
from typing import Any

import pytest

from trainwell.diagnoses import Finding
from trainwell.diagnoses.curves import read_curves


def lines(
    valid: Sequence[float | None], train: Sequence[float | None] | None = None, name: str = "accuracy", lr: Any = None
) -> list[dict[str, Any]]:
    rates = lr or [1 - i / len(valid) for i in range(len(valid))]
    train = valid if train is None else train
    return [
        {"epoch": i + 1, "lr": rate, f"train_{name}": t, f"valid_{name}": v}
        for i, (v, t, rate) in enumerate(zip(valid, train, rates, strict=True))
    ]


def read(
    content: list[dict[str, Any]], baseline: float = 0.1, samples: int = 900, early: bool = False
) -> list[Finding]:
    return read_curves(content, baseline=baseline, samples=samples, stopped_early=early)


HEALTHY = [0.5, 0.7, 0.8, 0.88, 0.9, 0.905, 0.906, 0.907, 0.907, 0.907]


def test_healthy_curves_give_no_finding() -> None:
    assert read(lines(HEALTHY)) == []
    assert read(lines(HEALTHY, [min(1.0, score + 0.08) for score in HEALTHY])) == []
    assert read(lines(HEALTHY, name="r2"), baseline=0.0) == []
    assert read([]) == []
    assert read(lines([0.97])) == []


@pytest.mark.parametrize(("best", "learnt"), [(0.10, False), (0.129, False), (0.131, True)])
def test_no_learning_is_a_best_score_within_three_standard_errors(best: float, learnt: bool) -> None:
    # sqrt(0.1 x 0.9 / 900) = 0.01.
    found = read(lines([0.08, best, 0.09]))
    assert [each.problem for each in found] == ([] if learnt else ["no-learning"])
    if not learnt:
        assert found[0].severity == "error"
        assert found[0].message == (
            f"The best valid accuracy is {best:.4f}; always giving the same answer reaches 0.1000."
        )
        assert found[0].evidence == {"score": best, "baseline": 0.1, "samples": 900}


def test_a_common_class_leaves_little_room_to_learn_in() -> None:
    # Of 25 samples 95 % are of one class: three standard errors would ask for more than 1.
    assert read(lines([0.96, 0.96]), baseline=0.95, samples=25)[0].problem == "no-learning"
    assert read(lines([0.96, 0.98]), baseline=0.95, samples=25) == []


def test_folds_of_the_training_samples_are_asked_too() -> None:
    # 0.63 of 150 lies 2.2 standard errors above 0.54; with 0.65 of 250 more it is 4.1.
    def judged(folds: tuple[float, int] | None) -> list[str]:
        content = lines([0.63], [0.78])
        found = read_curves(content, baseline=0.54, samples=150, stopped_early=False, transfer="head", folds=folds)
        return [each.problem for each in found]

    assert judged(None) == ["no-learning"]
    assert judged((0.65, 250)) == ["overfitting"]
    assert judged((0.50, 250)) == ["no-learning"]


def test_few_validation_samples_tell_nothing_against_what_was_learnt() -> None:
    # Of 4 samples of two classes 3 right are what guessing gives once in four times.
    (found,) = read(lines([0.5, 0.5], [0.6, 0.97]), baseline=0.5, samples=4)
    assert (found.problem, found.severity) == ("few-validation-samples", "warning")
    assert "0.5000 of 4 samples" in found.message and "training accuracy 0.9700" in found.message
    assert [each.problem for each in read(lines([0.5], [0.7]), baseline=0.5, samples=4)] == ["no-learning"]
    assert [each.problem for each in read(lines([0.5], [0.97]), baseline=0.5, samples=100)] == ["no-learning"]


def test_r2_has_to_leave_zero() -> None:
    assert [each.problem for each in read(lines([-0.2, 0.05], name="r2"), baseline=0.0)] == ["no-learning"]
    assert read(lines([-0.2, 0.07], name="r2"), baseline=0.0) == []


def test_scores_that_were_not_finite_are_no_learning() -> None:
    [found] = read(lines([None, None], name="r2"), baseline=0.0)
    assert found.problem == "no-learning"
    assert read(lines([None, 0.5], [None, 0.5], name="r2"), baseline=0.0) == []


def test_overfitting_is_a_gap_at_the_weights_that_were_kept() -> None:
    [found] = read(lines([0.7, 0.8, 0.75], [0.75, 0.95, 1.0]))
    assert (found.problem, found.severity) == ("overfitting", "warning")
    assert found.message == "Training accuracy 0.9500 against validation 0.8000: a gap of 0.150."
    assert found.evidence["gap"] == pytest.approx(0.15)
    assert read(lines([0.7, 0.8, 0.75], [0.75, 0.88, 1.0])) == []  # the gap after the best epoch does not count
    assert read(lines([0.5, 0.6], [0.6, 0.8], name="r2"), baseline=0.0) == []
    assert read(lines([0.5, 0.6], [0.6, 0.9], name="r2"), baseline=0.0)[0].problem == "overfitting"


def test_without_a_validation_split_the_training_score_is_read() -> None:
    content = [{"lr": 0.1, "train_accuracy": score} for score in (0.1, 0.11)]
    [found] = read(content)
    assert found.message.startswith("The best train accuracy is 0.1100")
    assert read([{"lr": 0.1, "train_accuracy": score} for score in (0.1, 0.9)]) == []


RISING = [0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.88, 0.9]


def test_still_rising_at_a_rate_not_yet_lowered() -> None:
    [found] = read(lines(RISING, lr=[0.1] * 10))
    assert (found.problem, found.severity) == ("still-rising", "note")
    assert found.message.startswith("The valid accuracy rose by 0.050 over the last fifth of the run")
    assert read(lines(RISING)) == []  # the rate has come down: the schedule is through
    assert read(lines(RISING, lr=[0.1] * 10), early=True) == []
    assert read(lines(HEALTHY, lr=[0.1] * 10)) == []
    assert read(lines(RISING[-4:], lr=[0.1] * 4)) == []  # too short to tell


@pytest.mark.parametrize(
    ("transfer", "said", "unsaid"),
    [
        (None, "augment=flip", "feature_copies"),
        ("head", "feature_copies=4", "smaller model"),
        ("full", "freeze=", "smaller model"),
    ],
)
def test_advice_is_of_what_can_be_set(transfer: str | None, said: str, unsaid: str) -> None:
    found = read_curves(lines([0.8], [1.0]), baseline=0.1, samples=900, stopped_early=False, transfer=transfer)
    assert [each.problem for each in found] == ["overfitting"]
    assert said in found[0].advice and unsaid not in found[0].advice
    unlearnt = read_curves(lines([0.1]), baseline=0.1, samples=900, stopped_early=False, transfer=transfer)[0]
    assert ("optimizer.lr" in unlearnt.advice) is (transfer != "head")
