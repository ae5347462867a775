"""Diagnoses: evidence -> findings, with what they mean and what to try. One file a problem."""

from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
_ORDER = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """Something that was found.

    Args:
        problem: Id of the problem.
        severity: `error`: the run is not healthy. `warning`: look at it. `note`: good to know.
        message: What was seen, against what was expected.
        advice: What it means and what to try.
        evidence: The numbers.
    """

    problem: str
    severity: Severity
    message: str
    advice: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {
            "problem": self.problem,
            "severity": self.severity,
            "message": self.message,
            "advice": self.advice,
            "evidence": self.evidence,
        }


def gravest_first(findings: list[Finding]) -> list[Finding]:
    """The findings, errors before warnings before notes, otherwise in the order they came."""
    return sorted(findings, key=lambda finding: _ORDER.index(finding.severity))
