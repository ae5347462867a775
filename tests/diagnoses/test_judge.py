"""Judging: what is likeliest comes first, symptoms are folded under causes, and doubt makes a note of a finding."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from trainwell.diagnoses.evidence import Evidence, Trial
from trainwell.diagnoses.judge import judge, suspicions
from trainwell.diagnoses.problems import DOUBT, Fitted, Suspicion, centre, fitted, problems, unfitted
from trainwell.probes.training import Curves

Make = Callable[..., Any]


def trusted(**trust: float) -> dict[str, Fitted]:
    """The middle of every limit; trust in all signs by the id of their problem, with underscores, or 0.75."""
    return {
        member.id: Fitted(
            unfitted(member).limits,
            dict.fromkeys(member.facts["signs"], trust.get(member.id.replace("-", "_"), 0.75)),
        )
        for member in problems
    }


@pytest.fixture(scope="module")
def rising(evidence: Make, curves: Callable[..., Curves]) -> Evidence:
    """The loss rises a thousandfold, and a tenth of the rate helps: a rate too high, a divergence, and no fall."""
    lower = Trial(edits=({"edit": "rate", "factor": 0.1},), says="", why_not="", curves=curves(1.0))
    up = curves(0.25, train_loss=(1.0, 500.0, 1000.0))
    seen: Evidence = evidence(watched=up, initial_constant=1.0, trials={"rate-/10": lower})
    return seen


ALL = {"learning-rate-too-high", "diverging-loss", "loss-not-decreasing", "underfitting"}


def test_a_cause_takes_its_symptoms_under_it(rising: Evidence) -> None:
    assert set(suspicions(rising, trusted())) == ALL
    (found,) = judge(rising, trusted())
    assert found.problem == "learning-rate-too-high"
    assert {one.problem for one in found.explains} == ALL - {"learning-rate-too-high"}
    assert not judge(rising, trusted()).healthy


def test_a_cause_is_one_though_its_symptom_is_surer(rising: Evidence) -> None:
    (found,) = judge(rising, trusted(diverging_loss=0.9, loss_not_decreasing=0.8))
    assert (found.problem, found.confidence) == ("learning-rate-too-high", 0.75)
    assert [one.problem for one in found.explains] == ["diverging-loss", "loss-not-decreasing", "underfitting"]


def test_what_nobody_trusts_is_a_note_and_hides_nothing(rising: Evidence) -> None:
    first, second = judge(rising, trusted(learning_rate_too_high=0.1))
    assert (first.problem, first.severity) == ("diverging-loss", "error")
    assert (second.problem, second.severity) == ("learning-rate-too-high", "note")
    assert not judge(rising, trusted(learning_rate_too_high=0.1)).healthy
    quiet = judge(rising, {id: Fitted(one.limits, dict.fromkeys(one.trust, 0.1)) for id, one in trusted().items()})
    assert quiet.healthy
    assert {finding.severity for finding in quiet} == {"note"}
    assert str(quiet).startswith("Nothing is wrong as far as can be seen.")


def test_the_surest_comes_first_and_notes_last(evidence: Make, curves: Callable[..., Curves]) -> None:
    """The network learns its samples by heart, and its score still rises: neither explains the other."""
    seen = evidence(
        watched=curves(
            0.5,
            train_end=1.0,
            train_loss=(1.0, 0.5, 0.25, 0.125, 0.0, 0.0),
            train_score=(0.25, 0.5, 0.75, 1.0, 1.0, 1.0),
            valid_loss=(1.0, 0.5, 2.0, 3.0, 4.0, 5.0),
            valid_score=(0.25, 0.25, 0.25, 0.25, 0.25, 0.75),
        )
    )
    order = [finding.problem for finding in judge(seen, trusted(overfitting=0.9, too_few_epochs=0.6))]
    assert order == ["overfitting", "too-few-epochs"]
    order = [finding.problem for finding in judge(seen, trusted(overfitting=0.6, too_few_epochs=0.9))]
    assert order == ["too-few-epochs", "overfitting"]
    found = judge(seen, trusted(overfitting=0.6, too_few_epochs=0.1))
    assert [(one.problem, one.severity) for one in found] == [("overfitting", "warning"), ("too-few-epochs", "note")]


def test_a_finding_is_what_the_rule_said(rising: Evidence) -> None:
    known = trusted()
    said: Mapping[str, Suspicion] = suspicions(rising, known)
    (found,) = judge(rising, known)
    one = said["learning-rate-too-high"]
    assert (found.message, found.advice, found.evidence, found.where) == (
        one.message,
        one.advice,
        one.evidence,
        one.where,
    )
    assert found.severity == problems["learning-rate-too-high"].facts["severity"]
    assert found.fix == one.fixes[0]
    assert found.json()["fix"] == {"edit": "rate", "factor": 0.1}


def test_a_sign_that_was_never_fitted_is_doubted(rising: Evidence) -> None:
    known = {id: Fitted(one.limits, {}) for id, one in trusted().items()}
    assert {finding.confidence for finding in judge(rising, known)} == {DOUBT}


def test_limits_decide(rising: Evidence) -> None:
    known = trusted()
    strict = {name: math.inf for name in known["diverging-loss"].limits if name == "rise"}
    known["diverging-loss"] = Fitted(dict(known["diverging-loss"].limits) | strict, {})
    assert set(suspicions(rising, known)) == ALL - {"diverging-loss"}


def test_what_was_not_seen_is_said(evidence: Make, curves: Callable[..., Curves]) -> None:
    cut = evidence(watched=curves(1.0, taken=4), unseen=("inputs: BadData: no", "cut short: order"))
    assert judge(cut, trusted()).notes == (
        "not seen: inputs: BadData: no",
        "not seen: cut short: order",
        "Watched for 4 of 40 steps.",
    )
    assert judge(evidence(watched=curves(1.0)), trusted()).notes == ()
    assert judge(evidence(watched=curves(1.0, taken=4, broke=4)), trusted()).notes == ()


def test_nothing_known_is_nothing_found(evidence: Make) -> None:
    nothing = judge(evidence())
    assert (len(nothing), nothing.healthy, nothing.notes) == (0, True, ())


def test_limits_of_the_package_are_for_every_problem_and_within_its_ranges() -> None:
    known = fitted()
    assert set(known) == {member.id for member in problems}
    for member in problems:
        for name, (low, high) in member.facts.get("ranges", {}).items():
            assert low <= known[member.id].limits[name] <= high, (member.id, name)
        assert set(known[member.id].trust) <= set(member.facts["signs"]), member.id
        assert all(0 < trust < 1 for trust in known[member.id].trust.values()), member.id


def test_the_middle_of_a_range() -> None:
    assert centre(0.01, 1.0) == pytest.approx(0.1)
    assert centre(0.0, 1.0) == 0.5
    assert centre(-0.5, 0.1) == pytest.approx(-0.2)
