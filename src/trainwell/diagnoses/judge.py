"""Judge: every problem's rule asked of the evidence, the answers ranked by likely cause, symptoms folded under it."""

from collections.abc import Mapping
from dataclasses import replace

from trainwell.diagnoses import Diagnosis, Finding
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import DOUBT, Fitted, Suspicion, fitted, problems

LOUD = 0.4  # trust under which a finding is only a note


def suspicions(evidence: Evidence, known: Mapping[str, Fitted] | None = None) -> dict[str, Suspicion]:
    """What speaks for each problem, by its id; only those for which something does."""
    known = fitted() if known is None else known
    found = {member.id: member.make(evidence, known[member.id].limits) for member in problems}
    return {id: suspicion for id, suspicion in found.items() if suspicion is not None}


def judge(evidence: Evidence, known: Mapping[str, Fitted] | None = None) -> Diagnosis:
    """The findings on a program: the likeliest cause first, what follows from a cause folded under it.

    Args:
        evidence: What is known.
        known: Limits and trust by problem; those of the package where None.
    """
    known = fitted() if known is None else known
    spoken = suspicions(evidence, known)
    trust = {id: known[id].trust.get(one.sign, DOUBT) for id, one in spoken.items()}
    ranked = sorted(spoken, key=lambda id: (-trust[id], id))
    made = {id: _finding(id, spoken[id], trust[id]) for id in ranked}
    folded = _folded(made)
    findings = [
        replace(made[id], explains=tuple(made[one] for one in ranked if folded.get(one) == id))
        for id in ranked
        if id not in folded
    ]
    findings.sort(key=lambda finding: finding.severity == "note")
    notes = [f"not seen: {text}" for text in evidence.unseen]
    if evidence.watched is not None and evidence.watched.cut:
        notes.append(f"Watched for {evidence.watched.taken} of {evidence.watched.planned} steps.")
    return Diagnosis(tuple(findings), tuple(notes))


def _folded(made: Mapping[str, Finding]) -> dict[str, str]:
    """By symptom, the finding that stands for itself and explains it; a note explains nothing graver than a note."""
    under: dict[str, str] = {}
    for cause in made:
        if cause in under:
            continue
        for id in made:
            graver = made[cause].severity == "note" != made[id].severity
            if id != cause and id not in under and not graver and id in problems[cause].facts["explains"]:
                under[id] = cause
    last = dict(under)
    for id in last:
        while last[id] in under:  # a cause may in turn be the symptom of another
            last[id] = under[last[id]]
    return last


def _finding(id: str, one: Suspicion, trust: float) -> Finding:
    severity = one.severity or problems[id].facts["severity"]
    return Finding(
        id,
        severity if trust >= LOUD else "note",
        one.message,
        one.advice,
        one.evidence,
        one.where,
        trust,
        one.fixes[0] if one.fixes else None,
    )
