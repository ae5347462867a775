"""Findings and diagnoses as data and as text, and their order."""

import json

import pytest

from trainwell.diagnoses import Diagnosis, Finding, Severity, finding_of, gravest_first
from trainwell.family import Part


def finding(problem: str, severity: Severity, **more: object) -> Finding:
    return Finding(problem, severity, f"{problem} was seen.", "Do this.", **more)  # type: ignore[arg-type]


FOLDED = finding("loss-not-decreasing", "error", confidence=0.5)
CAUSE = finding(
    "learning-rate-too-low",
    "warning",
    evidence={"gain": 0.3, "gain_limit": 0.1},
    where="body.0",
    confidence=0.75,
    fix=Part("edits", "rate", {"factor": 10.0}),
    explains=(FOLDED,),
)


def test_the_gravest_come_first_and_equals_stay_in_order() -> None:
    found = [finding("a", "note"), finding("b", "warning"), finding("c", "error"), finding("d", "warning")]
    assert [each.problem for each in gravest_first(found)] == ["c", "b", "d", "a"]
    assert gravest_first([]) == []


def test_a_finding_is_plain_data_and_comes_back_from_it() -> None:
    data = json.loads(json.dumps(CAUSE.json()))
    assert data == {
        "problem": "learning-rate-too-low",
        "severity": "warning",
        "message": "learning-rate-too-low was seen.",
        "advice": "Do this.",
        "evidence": {"gain": 0.3, "gain_limit": 0.1},
        "where": "body.0",
        "confidence": 0.75,
        "fix": {"edit": "rate", "factor": 10.0},
        "explains": [FOLDED.json()],
    }
    assert finding_of(data) == CAUSE
    assert finding_of(FOLDED.json()) == FOLDED
    of_old = {"problem": "x", "severity": "error", "message": "seen", "advice": "do", "evidence": {"n": 1}}
    assert finding_of(of_old) == Finding("x", "error", "seen", "do", {"n": 1})


def test_a_finding_says_what_is_wrong_and_what_to_do() -> None:
    assert CAUSE.says == "learning-rate-too-low was seen. Do this."
    assert Finding("x", "note", "Seen.").says == "Seen."


@pytest.mark.parametrize(
    ("severities", "healthy"), [((), True), (("note", "note"), True), (("warning",), False), (("error", "note"), False)]
)
def test_notes_alone_are_healthy(severities: tuple[Severity, ...], healthy: bool) -> None:
    found = Diagnosis(tuple(finding(f"p{n}", severity) for n, severity in enumerate(severities)))
    assert found.healthy is healthy
    assert str(found).startswith("Nothing is wrong as far as can be seen.") is healthy


def test_a_diagnosis_is_a_sequence_of_findings() -> None:
    note = finding("b", "note")
    found = Diagnosis((CAUSE, note), ("Watched for 3 of 9 steps.",))
    assert len(found) == 2 and list(found) == [CAUSE, note]
    assert found[0] is CAUSE and found[-1] is note and found[:1] == (CAUSE,)
    assert note in found and FOLDED not in found
    assert found.json() == {"findings": [CAUSE.json(), note.json()], "notes": ["Watched for 3 of 9 steps."]}


def test_a_diagnosis_as_text_folds_what_follows_from_a_cause() -> None:
    lines = str(Diagnosis((CAUSE, finding("b", "note")), ("cut short",))).splitlines()
    assert lines == [
        "1. learning-rate-too-low at body.0 (warning, 75%): learning-rate-too-low was seen. Do this.",
        "   follows from it: loss-not-decreasing: loss-not-decreasing was seen.",
        "2. b (note, 100%): b was seen. Do this.",
        "cut short",
    ]
    assert str(Diagnosis(())) == "Nothing is wrong as far as can be seen."
