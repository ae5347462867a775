"""Problems: why a program does not learn, each one file: its rule, what its limits mean, and its card.

A member looks at the evidence and says what speaks for the problem, or None::

    (evidence: Evidence, limits: Limits) -> Suspicion | None

Its numbers carry no unit of the program (ratios, shares, factors), so that one limit fits networks and data of any
size. Limits are not written into rules: a rule names them with the range that makes sense, and
`benchmarks/fit_limits.py` finds them, with how far each sign can be trusted, on programs known to be faulty or healthy
(`limits.json`).

Facts of a member:
    severity: `error`: the training is in vain or close to it. `warning`: it does less than it could.
    explains: Problems that it brings about: where it is found, these are folded under it.
    ranges: By name of a limit: (low, high) between which it lies; fitted by factors where low is above 0.
    signs: What can speak for it, by name; a rule names the one that did.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainwell.diagnoses import Severity
from trainwell.family import Family, Member, Part

problems = Family("problems", __name__, "problem")

Limits = Mapping[str, float]
DOUBT = 0.5  # trust in a sign that was never fitted


@dataclass(frozen=True)
class Suspicion:
    """What speaks for a problem.

    Args:
        sign: The one of the member's signs that does.
        message: What is wrong, against what was expected, and why it hurts: one or two sentences with numbers.
        advice: What to do.
        evidence: The numbers, each beside its limit where it has one.
        where: Module or parameter; empty where it is the program as a whole.
        fixes: Edits that may mend it, the smallest first.
        severity: Where it differs from that of the problem.
    """

    sign: str
    message: str
    advice: str
    evidence: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    fixes: tuple[Part, ...] = ()
    severity: Severity | None = None


@dataclass(frozen=True)
class Fitted:
    """What the fit found for one problem.

    Args:
        limits: Where the rule draws the line, by name.
        trust: By sign: share of programs where the problem was really there, among those in which the sign spoke.
    """

    limits: Limits
    trust: Mapping[str, float]


def centre(low: float, high: float) -> float:
    """The middle of a range; by factors where it is above 0."""
    return float((low * high) ** 0.5) if low > 0 else (low + high) / 2


def unfitted(member: Member) -> Fitted:
    """The middle of every range, and doubt."""
    ranges = member.facts.get("ranges", {})
    return Fitted({name: centre(*ends) for name, ends in ranges.items()}, {})


@functools.cache
def fitted() -> dict[str, Fitted]:
    """The limits that come with the package; for a problem without any, the middle of its ranges."""
    path = Path(__file__).parent / "limits.json"
    known = json.loads(path.read_text())["problems"] if path.exists() else {}
    found = {}
    for member in problems:
        given, start = known.get(member.id, {}), unfitted(member)
        found[member.id] = Fitted(dict(start.limits) | given.get("limits", {}), given.get("trust", {}))
    return found
