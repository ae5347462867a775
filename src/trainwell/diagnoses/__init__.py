"""Diagnoses: evidence -> findings, with what they mean and what to try. One file a problem."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from trainwell.family import Part

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
        where: Module or parameter it is about; empty where it is the program as a whole.
        confidence: Share of programs in which such a finding is right, [0, 1], by experience.
        fix: The smallest edit that may mend it; None where there is none.
        explains: Findings that follow from this one, folded under it.
    """

    problem: str
    severity: Severity
    message: str
    advice: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    confidence: float = 1.0
    fix: Part | None = None
    explains: tuple["Finding", ...] = ()

    @property
    def says(self) -> str:
        """What is wrong, and what to do."""
        return f"{self.message} {self.advice}".strip()

    def json(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {
            "problem": self.problem,
            "severity": self.severity,
            "message": self.message,
            "advice": self.advice,
            "evidence": self.evidence,
            "where": self.where,
            "confidence": self.confidence,
            "fix": None if self.fix is None else {"edit": self.fix.name, **self.fix.args},
            "explains": [finding.json() for finding in self.explains],
        }


def finding_of(data: Mapping[str, Any]) -> Finding:
    """The finding whose `json` this is; of an earlier version, which had fewer keys, too."""
    fix = data.get("fix")
    part = None if fix is None else Part("edits", fix["edit"], {k: v for k, v in fix.items() if k != "edit"})
    return Finding(**{**data, "fix": part, "explains": tuple(map(finding_of, data.get("explains", ())))})


@dataclass(frozen=True)
class Diagnosis(Sequence[Finding]):
    """Findings, the likeliest cause first.

    Args:
        findings: Those that stand for themselves.
        notes: What the reader has to know of how they came about: `cut short`, what could not be looked at.
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @overload
    def __getitem__(self, place: int) -> Finding: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, place: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[place]

    @property
    def healthy(self) -> bool:
        """Whether nothing above a note was found."""
        return all(finding.severity == "note" for finding in self.findings)

    def json(self) -> dict[str, Any]:
        """The diagnosis as plain data."""
        return {"findings": [finding.json() for finding in self.findings], "notes": list(self.notes)}

    def __str__(self) -> str:
        lines = []
        for number, finding in enumerate(self.findings, 1):
            at = f" at {finding.where}" if finding.where else ""
            lines.append(
                f"{number}. {finding.problem}{at} ({finding.severity}, {finding.confidence:.0%}): {finding.says}"
            )
            lines += [f"   follows from it: {one.problem}: {one.message}" for one in finding.explains]
        if self.healthy:
            lines.insert(0, "Nothing is wrong as far as can be seen.")
        return "\n".join([*lines, *self.notes])


def gravest_first(findings: list[Finding]) -> list[Finding]:
    """The findings, errors before warnings before notes, otherwise in the order they came."""
    return sorted(findings, key=lambda finding: _ORDER.index(finding.severity))
