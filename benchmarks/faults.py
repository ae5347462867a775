"""The doctor on programs known to be faulty or healthy, and the table of it.

    python benchmarks/faults.py record CASES --out OUT [--healthy] [--share 0.1] [--jobs 2]
    python benchmarks/faults.py judge  CASES --out OUT [--share 0.1]
    python benchmarks/faults.py folds  CASES --out OUT [--share 0.1]
    python benchmarks/faults.py check  CASES --out OUT
    python benchmarks/faults.py repair CASES --out OUT [--tool repair | random_search | always_adam | as_it_is]
    python benchmarks/faults.py repair CASES --out OUT --healthy
    python benchmarks/faults.py table  CASES --out OUT

CASES is a folder of cases in faultbench's format; faultbench.py is taken from the folder above unless --faultbench says
where it is. OUT keeps what each command found: `record` gathers the evidence, the dear part, and `judge` asks the
rules; `folds` asks them with limits fitted without the family that is judged; `check` has faultbench itself ask
`trainwell.checkup`, and compares; `repair` has a tool mend each program and trains it anew with fresh seeds. `record`
and `repair` go on where they were ended. `table` brings all together in results/faults.json; `tables.py` writes it into
the README.

--share 0.1 lets a training take a tenth of the planned steps at most. --only TEXT takes the cases whose id contains
TEXT. --jobs runs programs side by side; seconds are comparable with one job only.
"""

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from doctor.cases import healthy_cases, runner
from doctor.check import check
from doctor.folds import differences, judged_apart
from doctor.record import record
from doctor.recorded import Record, recorded
from doctor.repairs import TOOLS, asked_of, repair, repaired
from doctor.results import collected
from doctor.score import Answer, Limits, alarms, answer, scored
from fit_limits import Answers, fit
from machine import describe

RESULTS = Path(__file__).parent / "results" / "faults.json"


def run_record(asked: argparse.Namespace, bench: ModuleType) -> int:
    """Gather the evidence on every case that is scored, or on the healthy programs."""
    cases = healthy_cases(asked.only) if asked.healthy else bench.scored_cases(str(asked.cases), only=asked.only)[0]
    found = record(
        cases,
        asked.out / f"{'healthy' if asked.healthy else 'evidence'}-{asked.share:g}",
        faultbench=asked.faultbench,
        share=asked.share,
        jobs=asked.jobs,
        again=asked.again,
        commit=describe()["commit"],
    )
    return 1 if any(one.error for one in found) else 0


def run_judge(asked: argparse.Namespace, bench: ModuleType) -> int:
    """Ask the rules of the recorded evidence, with the limits of the package."""
    healthy = alarms(recorded(asked.out / f"healthy-{asked.share:g}"), None)
    _write(asked, bench, "judged", {one.id: answer(one, None) for one in _records(asked, bench)}, healthy=healthy)
    loud = {name: problems for name, problems in healthy.items() if problems}
    print(f"healthy programs: {len(loud)} of {len(healthy)} with a finding above a note: {loud}")
    return 0


def run_folds(asked: argparse.Namespace, bench: ModuleType) -> int:
    """Ask the rules with limits fitted on all families but the one that is judged."""
    # As in the package, the limits are those of whole trainings, also where less is watched.
    known = Answers(_records(asked, bench, share=1.0))

    def fit_on(ids: list[str]) -> Limits:
        return fit(known, [row for row, case in enumerate(known.cases) if case.id in ids])

    _write(asked, bench, "folds", judged_apart(_records(asked, bench), fit_on, asked.singly))
    return 0


def run_check(asked: argparse.Namespace, bench: ModuleType) -> int:
    """Have faultbench ask for checkups, and compare with what `judge` says."""
    file = asked.out / "checked.json"
    result = check(asked.cases, file, faultbench=asked.faultbench, jobs=asked.jobs, only=asked.only)
    live = {case["id"]: case for case in result["cases"]}
    judged = {one.id: answer(one, None) for one in _records(asked, bench)}
    other = differences(judged, live)
    file.write_text(json.dumps(result | {"differences": other}, indent=1) + "\n")
    for id, (before, now) in other.items():
        print(f"{id}: of the record {before}, live {now}")
    seconds = result["total"]["seconds_median"]
    print(f"median {seconds} s a case; {len(other)} of {len(live)} differ from the record")
    return 1 if other or result["state_changed"] or result["errors"] else 0


def run_repair(asked: argparse.Namespace, bench: ModuleType) -> int:
    """Have a tool mend each program, and train what it gives with fresh seeds; of the healthy ones: does it act?"""
    if asked.healthy:
        if asked.tool != "repair":
            raise SystemExit("The healthy programs are for --tool repair only: the others act on all programs alike.")
        cases = healthy_cases(asked.only)
    else:
        cases = asked_of(bench, asked.cases, asked.only)
    budgets = None
    if asked.tool == "random_search":
        budgets = {id: one["steps"] for id, one in repaired(asked.out / "repair" / "repair").items()}
        missing = [case["id"] for case in cases if case["id"] not in budgets]
        if missing:
            raise SystemExit(f"A search takes as many steps as the repair did, and {missing[0]} was not repaired yet.")
    found = repair(
        cases,
        asked.out / "repair" / ("healthy" if asked.healthy else asked.tool),
        tool=asked.tool,
        faultbench=asked.faultbench,
        jobs=asked.jobs,
        again=asked.again,
        budgets=budgets,
    )
    return 1 if any(one["error"] for one in found) else 0


def run_table(asked: argparse.Namespace, bench: ModuleType) -> int:
    """Bring what was found together in results/faults.json."""
    with contextlib.redirect_stdout(io.StringIO()):  # the runner prints what it counts
        found = collected(bench, asked.cases, asked.out, asked.faultbench, asked.only)
    asked.results.write_text(json.dumps({"machine": describe("numpy", "scikit-learn"), **found}, indent=1) + "\n")
    print(f"{asked.results}; write it into the README with benchmarks/tables.py")
    return 0


def _records(asked: argparse.Namespace, bench: ModuleType, share: float | None = None) -> list[Record]:
    """What was recorded of the cases that are scored, each of them."""
    folder = asked.out / f"evidence-{asked.share if share is None else share:g}"
    known = {one.id: one for one in recorded(folder)}
    wanted = [case["id"] for case in bench.scored_cases(str(asked.cases), only=asked.only)[0]]
    missing = [id for id in wanted if id not in known]
    if missing or not wanted:
        first = f", {missing[0]} first" if missing else ""
        raise SystemExit(f"{folder} lacks {len(missing)} of {len(wanted)} cases{first}: `record` writes them.")
    return [known[id] for id in wanted]


def _write(asked: argparse.Namespace, bench: ModuleType, name: str, answers: dict[str, Answer], **more: Any) -> None:
    result = scored(bench, asked.cases, answers, f"{name}, share {asked.share:g}", asked.only)
    (asked.out / f"{name}-{asked.share:g}.json").write_text(json.dumps(result | more, indent=1) + "\n")


COMMANDS = {
    "record": run_record,
    "judge": run_judge,
    "folds": run_folds,
    "check": run_check,
    "repair": run_repair,
    "table": run_table,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in COMMANDS.items():
        one = commands.add_parser(name, help=run.__doc__)
        one.add_argument("cases", type=Path, help="folder of cases")
        one.add_argument("--faultbench", type=Path, help="folder of faultbench.py; that above CASES where left out")
        one.add_argument("--out", type=Path, required=True, help="folder for what is found")
        one.add_argument("--only", default="", help="only cases whose id contains this")
        if name in ("record", "judge", "folds"):
            one.add_argument("--share", type=float, default=1.0, help="of the planned steps, what a training takes")
        if name in ("record", "check", "repair"):
            one.add_argument("--jobs", type=int, default=1, help="processes side by side")
        if name in ("record", "repair"):
            one.add_argument("--again", action="store_true", help="also what was done already")
            one.add_argument("--healthy", action="store_true", help="the healthy programs, and not CASES")
        if name == "folds":
            one.add_argument("--singly", default="", help="a family whose programs are left out one by one")
        if name == "repair":
            one.add_argument("--tool", default=TOOLS[0], choices=TOOLS)
        if name == "table":
            one.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    asked.share = getattr(asked, "share", 1.0)
    asked.faultbench = asked.faultbench or asked.cases.resolve().parent
    asked.out.mkdir(parents=True, exist_ok=True)
    return COMMANDS[asked.command](asked, runner(asked.faultbench))


if __name__ == "__main__":
    sys.exit(main())
