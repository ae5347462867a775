"""Findings as data, and their order."""

from typing import Literal

from trainwell.diagnoses import Finding, gravest_first


def finding(problem: str, severity: Literal["error", "warning", "note"]) -> Finding:
    return Finding(problem, severity, "seen")


def test_the_gravest_come_first_and_equals_stay_in_order() -> None:
    found = [finding("a", "note"), finding("b", "warning"), finding("c", "error"), finding("d", "warning")]
    assert [each.problem for each in gravest_first(found)] == ["c", "b", "d", "a"]
    assert gravest_first([]) == []


def test_a_finding_is_plain_data() -> None:
    assert Finding("x", "error", "seen", "do", {"n": 1}).json() == {
        "problem": "x",
        "severity": "error",
        "message": "seen",
        "advice": "do",
        "evidence": {"n": 1},
    }
