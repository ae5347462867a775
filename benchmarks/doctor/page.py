"""The tables of what the doctor finds and mends, in Markdown, out of results/faults.json."""

from typing import Any

from readme import table, where

ROWS = {
    "judged-1": "checkup",
    "folds-1": "checkup, limits of other families",
    "judged-0.1": "checkup, a tenth of the steps watched",
    "folds-0.1": "checkup, a tenth of the steps, limits of other families",
    "checked": "checkup, asked by faultbench itself",
}
WHOLE = ("judged-1", "folds-1")  # shown group by group
DETECTION = {
    "detection": "found",
    "diagnosis": "named in the first three",
    "diagnosis_cause": "root cause",
    "diagnosis_first": "named first",
    "false_alarm": "false alarms",
    "precision": "precision",
}
MENDED = {
    "recovered_0.8": "mended",
    "recovered_mean": "recovered, mean",
    "made_worse": "made worse",
    "clean_touched": "clean changed",
}


def faults(result: dict[str, Any]) -> str:
    """All tables, one under another; those of what was not measured are left out."""
    parts = [where(result["machine"])]
    if result["detection"]:
        parts += ["**Found and named**", detection(result["detection"]), healthy(result["healthy"])]
        named = [ROWS[way] for way in WHOLE if ROWS[way] in result["detection"]]
        ways = {name: result["detection"][name] for name in named}
        for group, title in (("per_family", "family"), ("per_category", "kind of fault")):
            if ways:
                parts += [f"**By {title}**: {' / '.join(ways)}", groups(list(ways.values()), group, title)]
        parts += [f"**By finding**: {name}\n\n{rules(one['per_problem'])}" for name, one in ways.items()]
    if result["repair"]:
        parts += ["**Mended**", repairs(result["repair"]), alone(result["touched"], result["left_alone"])]
    return "\n\n".join(part for part in parts if part)


def detection(rows: dict[str, dict[str, Any]]) -> str:
    """One row a tool, or way of fitting its limits."""
    head = ["", *DETECTION.values(), "95 %", "seconds a case, median", "state changed"]
    lines = []
    for name, one in rows.items():
        total = one["total"]
        interval = total.get("false_alarm_95")
        lines.append(
            [
                name,
                *[share(total[key]) for key in DETECTION],
                f"{interval[0]:.2f} - {interval[1]:.2f}" if interval else "",
                number(total.get("seconds_median"), 1),
                number(one.get("state_changed"), 0),
            ]
        )
    return table(head, lines)


def healthy(found: dict[str, dict[str, list[str]]]) -> str:
    """How many healthy programs are left in peace, and what is said of the others: a sentence a way of judging."""
    said = []
    for name, alarms in found.items():
        loud = {program: problems for program, problems in alarms.items() if problems}
        which = "; ".join(f"{program}: {', '.join(problems)}" for program, problems in sorted(loud.items()))
        silent = f"{len(alarms) - len(loud)} of {len(alarms)}"
        said.append(
            f"Healthy programs without a finding above a note, {name}: {silent}{f' ({which})' if which else ''}."
        )
    return "\n".join(said)


def groups(ways: list[dict[str, Any]], group: str, title: str) -> str:
    """One row a group of cases: how many, and the shares by each way of judging."""
    keys = ["detection", "diagnosis", "diagnosis_cause", "false_alarm"]
    lines = []
    for name in sorted({name for one in ways for name in one[group]}):
        rates = [one[group].get(name, {}) for one in ways]
        known = next(rate for rate in rates if rate)
        shares = [[share(rate.get(key)) for rate in rates] for key in keys]
        cells = [" / ".join(each or "-" for each in one) if any(one) else "" for one in shares]
        lines.append([name, str(known["faults"]), str(known["clean"]), *cells])
    return table([title, "faults", "clean", *[DETECTION[key] for key in keys]], lines)


def rules(per_problem: dict[str, dict[str, int]]) -> str:
    """One row a problem: how often its finding was right, wrong on a faulty program, and an alarm on a clean one."""
    order = sorted(per_problem.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    lines = [[name, *[str(one[key]) for key in ("right", "wrong_on_faults", "false_alarms")]] for name, one in order]
    return table(["finding", "right", "wrong on a fault", "false alarm"], lines)


def repairs(rows: dict[str, dict[str, Any]]) -> str:
    """One row a tool that mends."""
    head = ["", "faults", *MENDED.values(), "clean harmed", "worst", "steps a case, median", "seconds a case, median"]
    lines = []
    for name, one in rows.items():
        total, harm = one["total"], one.get("harm")
        lines.append(
            [
                name,
                str(total["faults"]),
                *[share(total[key]) for key in MENDED],
                "" if harm is None else f"{len(harm['harmed'])} of {harm['clean']}",
                number(harm["worst"] if harm else None, 3),
                number(one.get("steps_median"), 0),
                number(one.get("seconds_median"), 1),
            ]
        )
    return table(head, lines)


def alone(touched: dict[str, str], left: int) -> str:
    """How many healthy programs a repair leaves as they are, and what it does to the others."""
    if not touched and not left:
        return ""
    which = "; ".join(f"{id}: {edits}" for id, edits in sorted(touched.items()))
    count = f"{left} of {left + len(touched)}"
    return f"Healthy programs that a repair leaves as they are: {count}{f' ({which})' if which else ''}."


def share(value: float | None) -> str:
    """A share with three places; empty where there is none."""
    return number(value, 3)


def number(value: float | None, places: int) -> str:
    """A number with so many places; empty where there is none."""
    return "" if value is None else f"{value:,.{places}f}"
