"""Find the limits of the doctor's rules, and how far each sign can be trusted, on recorded evidence.

    python benchmarks/fit_limits.py EVIDENCE [--out src/trainwell/diagnoses/problems/limits.json]

EVIDENCE is a folder of records as `benchmarks/faults.py record` writes it. Each rule is fitted by itself: its limits
are moved, one at a time over a grid within the range it states, to where it names the most faults it should name
without accusing sound programs; of equally good values the middle one is taken, so that the next program has room on
both sides. The trust in a sign is the share of right answers among all it gave, with two answers of doubt added.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from doctor.recorded import Record, recorded
from trainwell.diagnoses.problems import Fitted, problems, unfitted
from trainwell.family import Member

GRID = 13  # values of a limit that are tried
ROUNDS = 3  # over all limits of a rule
SOUND = 4.0  # what an accusation of a sound program costs, in right answers: there are fewer of them
WRONG = 0.4  # what a wrong word on a faulty program costs
CAUSE = 0.5  # what naming the cause itself is worth more than naming a symptom


class Answers:
    """What rules say under given limits, each asked once."""

    def __init__(self, cases: Sequence[Record]) -> None:
        self.cases: list[Record] = [case for case in cases if case.evidence is not None]
        self._known: dict[tuple[str, tuple[float, ...]], list[str | None]] = {}

    def signs(self, member: Member, limits: Mapping[str, float]) -> list[str | None]:
        """The sign that speaks, by case; None where none does."""
        key = (member.id, tuple(limits.values()))
        if key not in self._known:
            said = [member.make(case.evidence, limits) for case in self.cases]
            # A note accuses nobody: it is neither right nor wrong.
            self._known[key] = [None if one is None or one.severity == "note" else one.sign for one in said]
        return self._known[key]


def grid(low: float, high: float) -> list[float]:
    """Values from low to high, by factors where low is above 0."""
    values = np.geomspace(low, high, GRID) if low > 0 else np.linspace(low, high, GRID)
    return [float(f"{value:.4g}") for value in values]


def worth(member: Member, cases: Sequence[Record], signs: Sequence[str | None]) -> float:
    """Right answers, less what wrong ones cost."""
    total = 0.0
    for case, sign in zip(cases, signs, strict=True):
        if sign is None:
            continue
        if case.case["kind"] == "clean":
            total -= SOUND
        elif member.id in case.case["accepts"]:
            total += 1 + CAUSE * (member.id in case.case["cause"])
        else:
            total -= WRONG
    return total


def middle(values: Sequence[float], scores: Sequence[float]) -> float:
    """Of the longest run of best values the one in the middle."""
    best = max(scores)
    runs: list[list[float]] = []
    inside = False
    for value, score in zip(values, scores, strict=True):
        if score == best:
            if not inside:
                runs.append([])
            runs[-1].append(value)
        inside = score == best
    longest = max(runs, key=len)
    return longest[len(longest) // 2]


def fit_one(member: Member, answers: Answers, rows: Sequence[int]) -> Fitted:
    """Limits and trust of one problem, by some of the cases."""
    cases = [answers.cases[row] for row in rows]
    limits = dict(unfitted(member).limits)

    def score(trial: Mapping[str, float]) -> float:
        signs = answers.signs(member, trial)
        return worth(member, cases, [signs[row] for row in rows])

    for _ in range(ROUNDS):
        before = dict(limits)
        for name, ends in member.facts.get("ranges", {}).items():
            values = grid(*ends)
            limits[name] = middle(values, [score(limits | {name: value}) for value in values])
        if limits == before:
            break
    signs = answers.signs(member, limits)
    trust = {}
    for sign in member.facts["signs"]:
        spoke = [answers.cases[row] for row in rows if signs[row] == sign]
        right = sum(case.case["kind"] == "fault" and member.id in case.case["accepts"] for case in spoke)
        wrong = sum(1.0 if case.case["kind"] == "fault" else SOUND / 2 for case in spoke) - right
        trust[sign] = round((right + 1) / (right + wrong + 2), 4)
    return Fitted(limits, trust)


def fit(answers: Answers, rows: Sequence[int] | None = None) -> dict[str, Fitted]:
    """Limits and trust of every problem.

    Args:
        answers: The cases.
        rows: Which of them count; all where None.
    """
    chosen = range(len(answers.cases)) if rows is None else rows
    return {member.id: fit_one(member, answers, chosen) for member in problems}


def main() -> None:
    """Fit on all cases of a folder, and write the limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evidence", type=Path)
    parser.add_argument("--out", type=Path, default=Path("src/trainwell/diagnoses/problems/limits.json"))
    asked = parser.parse_args()
    cases = recorded(asked.evidence)
    if not cases:
        sys.exit(f"{asked.evidence} holds no records. Write some with benchmarks/faults.py record.")
    made = fit(Answers(cases))
    data = {
        "cases": {kind: sum(case.case["kind"] == kind for case in cases) for kind in ("fault", "clean")},
        "problems": {
            id: {"limits": {name: float(value) for name, value in one.limits.items()}, "trust": dict(one.trust)}
            for id, one in made.items()
        },
    }
    asked.out.write_text(json.dumps(data, indent=1) + "\n")
    print(f"{len(cases)} cases, {len(made)} problems: {asked.out}")


if __name__ == "__main__":
    main()
