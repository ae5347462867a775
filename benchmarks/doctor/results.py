"""What all commands found, brought together and shortened, for results/faults.json."""

import json
import statistics
from pathlib import Path
from types import ModuleType
from typing import Any

from doctor.page import ROWS
from doctor.repairs import TOOLS, asked_of, harm, repaired, summed_up

BASELINES = ("always_lr", "deepdiagnosis", "sagemaker", "umlaut", "rules")
REPAIRS = dict(zip(TOOLS, ("repair", "random search, as many steps", "always Adam", "left as it is"), strict=True))


def collected(bench: ModuleType, cases: Path, out: Path, faultbench: Path, only: str = "") -> dict[str, Any]:
    """Everything that was found so far.

    Args:
        bench: The runner.
        cases: Folder of cases.
        out: Folder of what was found.
        faultbench: Folder of the runner, with the figures of other tools in `results/`.
        only: Text that the ids contain.

    Returns:
        `detection`, `healthy` and `repair`, each by the name of a row of its table; `touched`: what was done to healthy
        programs, by id, and `left_alone`: how many of them nothing was done to.

    Raises:
        SystemExit: A result is of other cases than these.
    """
    wanted = {case["id"] for case in bench.scored_cases(str(cases), only=only)[0]}
    found = {}
    for name, title in ROWS.items():
        result = _load(out / f"{name}.json")
        if result is None:
            continue
        ids = {case["id"] for case in result["cases"]}
        if ids != wanted:
            raise SystemExit(f"{name}.json is of {len(ids)} cases, not of these {len(wanted)}: make it again.")
        found[title] = result
    detection = {title: shortened(result) for title, result in found.items()}
    for name in BASELINES:
        result = _load(faultbench / "results" / f"{name}.json")
        if result is not None and not only:
            result["total"]["seconds_median"] = statistics.median(case["seconds"] for case in result["cases"])
            detection[name] = {"total": result["total"], "state_changed": len(result["state_changed"])}
    healthy = repaired(out / "repair" / "healthy")
    return {
        "detection": detection,
        "healthy": {title: result["healthy"] for title, result in found.items() if result.get("healthy")},
        "repair": _repairs(bench, cases, out / "repair", only),
        "touched": {id: one["said"] or one["error"] for id, one in healthy.items() if one["acted"] or one["error"]},
        "left_alone": sum(not one["acted"] and not one["error"] for one in healthy.values()),
    }


def shortened(result: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a result of the runner: all that was counted, and the ids of what went wrong."""
    wrong: dict[str, Any] = {"missed": [], "misnamed": {}, "false_alarms": {}}
    for case in result["cases"]:
        said = [one["problem"] for one in case["findings"] if one["severity"] != "note"]
        if case["kind"] == "clean" and said:
            wrong["false_alarms"][case["id"]] = said
        elif case["kind"] == "fault" and not said:
            wrong["missed"].append(case["id"])
        elif case["kind"] == "fault" and not case["diagnosed"]:
            wrong["misnamed"][case["id"]] = said
    kept = {name: result[name] for name in ("total", "per_family", "per_category", "per_problem", "errors")}
    if "differences" not in result:  # judged offline: neither time nor state was looked at
        return kept | {"total": result["total"] | {"seconds_median": None}} | wrong
    live = {name: len(result[name]) for name in ("differences", "state_changed")}
    return kept | live | wrong


def _repairs(bench: ModuleType, cases: Path, out: Path, only: str) -> dict[str, Any]:
    """A row for each tool; one that was not tried on all families stands beside the repair of those it was tried on."""
    asked = asked_of(bench, cases, only)
    ids = {case["id"] for case in asked}
    done = {tool: {id: one for id, one in repaired(out / tool).items() if id in ids} for tool in TOOLS}
    found = {}
    for tool, title in REPAIRS.items():
        lacking = {case["family"] for case in asked if case["id"] not in done[tool]}
        families = {case["family"] for case in asked} - lacking
        if not families:
            continue
        beside = {f"{REPAIRS[one]}, {len(families)} families": one for one in (TOOLS[0], tool)}
        rows = beside if lacking else {title: tool}
        for name, one in rows.items():
            kept = {id: each for id, each in done[one].items() if each["family"] in families}
            result = summed_up(bench, cases, kept, one, only, families if lacking else None)
            keys = ("total", "per_category", "per_family", "steps_median", "seconds_median", "errors")
            found[name] = {key: result[key] for key in keys}
            touched = {id for id, each in kept.items() if each["kind"] == "clean" and each["acted"]}
            if touched <= done["as_it_is"].keys():
                found[name]["harm"] = harm(kept, done["as_it_is"])
    return found


def _load(file: Path) -> dict[str, Any] | None:
    return json.loads(file.read_text()) if file.exists() else None
