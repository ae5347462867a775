"""Repairs tried: each program mended by a tool and trained anew with fresh seeds, one file a program."""

import functools
import json
import math
import statistics
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from doctor import tools
from doctor.cases import HEALTHY, of_healthy, runner
from doctor.record import fingerprint, side_by_side
from doctor.score import answering, instead

TOOLS = ("repair", "random_search", "always_adam", "as_it_is")
SEEDS = (100, 101, 102)
_PATIENCE = 600  # seconds a tool may take
_ERRORS = 2.0  # standard errors by which a fall is more than noise
_FALL = 0.01  # of the metric, which is noticed

Job = tuple[dict[str, Any], int | None]


def repair(
    cases: list[dict[str, Any]],
    out: Path,
    *,
    tool: str,
    faultbench: Path,
    jobs: int = 1,
    again: bool = False,
    budgets: Mapping[str, int] | None = None,
) -> list[dict[str, Any]]:
    """Have a tool mend what it has not mended yet; gives what was done now.

    Args:
        cases: Of faultbench, or of `healthy_cases`.
        out: Folder of what is found, one file a case.
        tool: One of `TOOLS`.
        faultbench: Folder of the runner.
        jobs: Processes side by side; seconds are comparable with 1 only.
        again: Also what was done already.
        budgets: By id, steps of training that a search may take.
    """
    known = {} if again else repaired(out)
    missing = [case for case in cases if not _done(known.get(case["id"]), fingerprint(case, faultbench))]
    print(f"{tool}: {len(cases)} programs, {len(cases) - len(missing)} done already", flush=True)
    todo: list[Job] = [(case, None if budgets is None else budgets[case["id"]]) for case in missing]
    found = []
    for one in side_by_side(functools.partial(try_one, tool=tool, faultbench=faultbench), todo, jobs):
        file = out / f"{one['id']}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(one, indent=1) + "\n")
        found.append(one)
        said = one["error"] or (f"{one.get('final', '')} {one['said']!r}" if one["acted"] else "left as it is")
        print(f"{len(found):4}/{len(todo)}  {one['id']:44} {one['tool_seconds']:6.1f} s  {said}", flush=True)
    return found


def _done(known: dict[str, Any] | None, fingerprint: str | None) -> bool:
    return known is not None and known["error"] is None and known["fingerprint"] == fingerprint


def try_one(job: Job, *, tool: str, faultbench: Path) -> dict[str, Any]:
    """One case mended, and trained anew with fresh seeds, by the runner's own code; of a healthy program whether it is.

    Returns:
        Its record, with the `steps` of training that the tool took, what it `said` it did, and the case's fingerprint.
    """
    case, budget = job
    torch.set_num_threads(1)
    asked = _tool(tool, case["id"], budget, faultbench)
    steps, said = [0], [""]

    @functools.wraps(asked)
    def watched(*arguments: Any, **named: Any) -> Any:
        with tools.counted(steps):
            fixed = asked(*arguments, **named)
        said[0] = "; ".join(map(str, getattr(fixed, "edits", ())))
        return fixed

    if case["family"] == HEALTHY:
        record = _touched(case, watched)
    else:
        bench = runner(faultbench)
        with instead(bench, load_tool=lambda _: watched):
            record = bench._repair_one((case, tool, _PATIENCE, list(SEEDS)))
    return record | {"steps": steps[0], "said": said[0], "fingerprint": fingerprint(case, faultbench)}


def _tool(name: str, seed: str, budget: int | None, faultbench: Path) -> Callable[..., Any]:
    if name == "repair":
        return tools.repair
    if name == "random_search":
        assert budget is not None, "a search needs a budget"
        return tools.random_search(budget, seed)
    return runner(faultbench).load_tool(f"baselines:{name}")


def _touched(case: dict[str, Any], tool: Callable[..., Any]) -> dict[str, Any]:
    made, build = of_healthy(case["name"])
    began, fixed, error = time.perf_counter(), None, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fixed = tool(
                made.model, made.loss, made.optimizer, made.train, made.valid, made.batch_size, made.epochs, made.task,
                build=build, scheduler=made.scheduler,
            )  # fmt: skip
    except Exception:  # one program that breaks is a line of the table, not the end of the others
        error = traceback.format_exc()
    seconds = round(time.perf_counter() - began, 2)
    return {"id": case["id"], "kind": "clean", "error": error, "acted": fixed is not None, "tool_seconds": seconds}


def repaired(out: Path) -> dict[str, dict[str, Any]]:
    """What a tool did, by id of the case."""
    return {one["id"]: one for one in (json.loads(file.read_text()) for file in sorted(out.rglob("*.json")))}


def asked_of(bench: ModuleType, cases: Path, only: str = "") -> list[dict[str, Any]]:
    """The cases that a tool is asked to mend: all that are scored, but for faults that no edit can mend."""
    return [case for case in bench.scored_cases(str(cases), only=only)[0] if case.get("repairable", True)]


def summed_up(
    bench: ModuleType,
    cases: Path,
    done: Mapping[str, dict[str, Any]],
    title: str,
    only: str = "",
    families: Collection[str] | None = None,
) -> dict[str, Any]:
    """What `faultbench.py repair-score` finds, and prints, of repairs that were tried.

    Args:
        bench: The runner.
        cases: Folder of cases.
        done: What the tool did, by id of the case.
        title: What the result is called.
        only: Text that the ids contain.
        families: Of these families only.

    Returns:
        Its result, with `steps_median` and `seconds_median` of the tool on a case.

    Raises:
        SystemExit: A case was not tried.
    """

    def scored(folder: str, only: str = "") -> Any:
        listed, *rest = every(folder, only=only)
        return [case for case in listed if families is None or case["family"] in families], *rest

    every = bench.scored_cases
    with instead(bench, scored_cases=scored), answering(bench, lambda job: dict(done[job[0]["id"]])):
        asked = asked_of(bench, cases, only)
        missing = [case["id"] for case in asked if case["id"] not in done]
        if missing:
            raise SystemExit(f"{len(missing)} of {len(asked)} cases were not tried, {missing[0]} is the first.")
        result = bench.repair_score(str(cases), title, seeds=len(SEEDS), only=only)
    tried = result["cases"]
    result["steps_median"] = statistics.median(one["steps"] for one in tried)
    result["seconds_median"] = statistics.median(one["tool_seconds"] for one in tried)
    result["errors"] = {one["id"]: one["error"] for one in tried if one["error"]}
    return result


def harm(done: Mapping[str, dict[str, Any]], alone: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Clean programs that a repair made worse, against the same programs left alone, seed by seed.

    One is harmed if its mean falls by more than 0.01 of the metric and by more than two standard errors of the paired
    differences; so is one that the tool's program cannot be trained for.

    Args:
        done: What the tool did, by id of the case; of each the `final` metric of every seed if it acted.
        alone: The same of a tool that changes nothing.

    Returns:
        `clean`: how many there are; `touched`; `harmed`: the mean difference by id; `worst`: least mean difference.
    """
    clean = {id: one for id, one in done.items() if one["kind"] == "clean"}
    touched = {id: one for id, one in clean.items() if one["acted"]}
    differences = {}
    for id, one in touched.items():
        ends, others = one.get("final") or [0.0] * len(alone[id]["final"]), alone[id]["final"]
        differences[id] = [end - other for end, other in zip(ends, others, strict=True)]
    means = {id: statistics.fmean(values) for id, values in differences.items()}
    harmed = {
        id: round(mean, 4)
        for id, mean in means.items()
        if mean < -_FALL and mean < -_ERRORS * statistics.stdev(differences[id]) / math.sqrt(len(differences[id]))
    }
    worst = round(min(means.values(), default=0.0), 4)
    return {"clean": len(clean), "touched": len(touched), "harmed": harmed, "worst": worst}
