"""Answers of the doctor on recorded evidence, scored by faultbench's own code."""

import contextlib
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from doctor.recorded import Record
from trainwell.diagnoses import Finding
from trainwell.diagnoses.judge import judge
from trainwell.diagnoses.problems import Fitted

Answer = dict[str, Any]
Limits = Mapping[str, Fitted]


def answer(record: Record, known: Limits | None) -> Answer:
    """What a checkup of this program says, with these limits (those of the package where None)."""
    findings = [] if record.evidence is None else [plain(one) for one in judge(record.evidence, known)]
    error = record.error.strip().splitlines()[-1] if record.error else None
    return {"findings": findings, "error": error, "seconds": record.seconds, "changed": []}


def plain(finding: Finding) -> dict[str, str]:
    """What the runner keeps of a finding."""
    return {"problem": finding.problem, "severity": finding.severity, "where": finding.where}


def loud(findings: Iterable[Mapping[str, str]]) -> list[str]:
    """Problems above a note, in their order."""
    return [one["problem"] for one in findings if one["severity"] != "note"]


def scored(bench: ModuleType, cases: Path, answers: Mapping[str, Answer], title: str, only: str = "") -> dict[str, Any]:
    """What `faultbench.py score` finds, and prints, of these answers by id of the case.

    Returns:
        Its result with `seconds_median` among the totals.

    Raises:
        SystemExit: A case has no answer.
    """

    def one(job: tuple[Any, ...]) -> dict[str, Any]:
        case = job[0]
        truth = {name: case.get(name, []) for name in ("labels", "accepts", "also_works", "cause")}
        given = answers[case["id"]] | {"findings": [dict(found) for found in answers[case["id"]]["findings"]]}
        return {"id": case["id"], "family": case["family"], "kind": case["kind"], **truth, **given}

    asked, _ = bench.scored_cases(str(cases), only=only)
    missing = [case["id"] for case in asked if case["id"] not in answers]
    if missing:
        raise SystemExit(
            f"{len(missing)} of {len(asked)} cases have no answer, {missing[0]} is the first: record them."
        )
    with answering(bench, one):
        result = bench.score(str(cases), title, only=only)
    result["total"]["seconds_median"] = round(statistics.median(case["seconds"] for case in result["cases"]), 3)
    return result


def answering(bench: ModuleType, work: Callable[[Any], Any]) -> contextlib.AbstractContextManager[None]:
    """Within it the runner has `work` done on its jobs, and not its tool; how it then counts is its own."""
    return instead(bench, pool_map=lambda _, items, __: map(work, items))


@contextlib.contextmanager
def instead(bench: ModuleType, **functions: Callable[..., Any]) -> Iterator[None]:
    """Within it the runner has these functions instead of its own."""
    own = {name: getattr(bench, name) for name in functions}
    vars(bench).update(functions)
    try:
        yield
    finally:
        vars(bench).update(own)


def alarms(records: Iterable[Record], known: Limits | None) -> dict[str, list[str]]:
    """Problems above a note by the name of a healthy program; an empty list where there are none."""
    found = {}
    for record in records:
        if record.evidence is None:
            raise SystemExit(
                f"{record.id} could not be looked at, so nobody knows whether it raises an alarm:\n{record.error}"
            )
        found[record.case["name"]] = loud(answer(record, known)["findings"])
    return found
