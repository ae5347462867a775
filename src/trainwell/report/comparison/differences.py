"""What the runs do differently: recipe, data, machine."""

import shlex
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from trainwell.report.comparison.contender import Cell, Contender, Row, differing, flat, table
from trainwell.report.comparison.scores import lead, same_data
from trainwell.report.section import Section
from trainwell.report.words import duration, number, value

_SHOWN = 12  # digits of a fingerprint
_STATES = {"running": ("under way", ""), "stopped": ("stopped before its end", "part")}


def verdicts(runs: Sequence[Contender]) -> Section:
    """The verdicts side by side, with what was found."""
    rows = [
        Row("verdict", [_verdict(run) for run in runs]),
        Row("in words", [Cell(run.story.verdict.get("words", "–")) for run in runs]),
        Row("findings", [Cell(_findings(run)) for run in runs]),
        Row("epochs", [Cell(_epochs(run)) for run in runs]),
        Row("trained for", [Cell(_seconds(run)) for run in runs]),
    ]
    return Section("verdicts", "Verdicts", table(runs, rows, "Verdicts"))


def recipe(runs: Sequence[Contender]) -> Section:
    """What differs in the recipes, all choices resolved."""
    rows = differing(runs, [_texts(_recipe(run)) for run in runs])
    words = "What the recipes have in common is left out." if rows else ""
    html = table(runs, rows, "Recipes") if rows else lead("The recipes are the same, to the last value.")
    return Section("recipe", "Recipe", html, words)


def data(runs: Sequence[Contender]) -> Section:
    """What differs in the data."""
    same, split = same_data(runs)
    if same and split:
        words = "All runs have the same data, split in the same way."
    elif same:
        words = "All runs have the same data, split in different ways: what they were scored on differs."
    else:
        words = "The runs have different data: what differs in their scores may come from that alone."
    rows = differing(runs, [_data(run.story.data) for run in runs])
    html = table(runs, rows, "Data") if rows else Markup()
    return Section("data", "Data", html, words)


def environment(runs: Sequence[Contender]) -> Section:
    """What differs in machine and versions, and the commands."""
    contents = [dict(run.story.environment) for run in runs]
    commands = Row("command", [Cell(shlex.join(map(str, one.pop("command", ())))) for one in contents])
    rows = [*differing(runs, [_texts(flat(one)) for one in contents]), commands]
    words = "Machine and versions are the same." if len(rows) == 1 else "What they have in common is left out."
    return Section("environment", "Environment", table(runs, rows, "Environment"), words)


def _verdict(run: Contender) -> Cell:
    if run.story.state in _STATES:
        return Cell(*_STATES[run.story.state])
    return Cell("healthy", "yes") if run.story.verdict.get("healthy") else Cell("not healthy", "no")


def _findings(run: Contender) -> str:
    found = [f"{one['severity']}: {one['message']}" for one in run.story.findings]
    return "\n".join(found) or "none"


def _epochs(run: Contender) -> str:
    epochs = run.story.epochs
    return number(round(float(epochs["epoch"][-1]), 2)) if len(epochs) else "0"


def _seconds(run: Contender) -> str:
    epochs = run.story.epochs
    return duration(float(epochs["seconds"][-1])) if len(epochs) else "–"


def _recipe(run: Contender) -> dict[str, Any]:
    content = run.story.recipe
    found = flat(content.get("recipe", {}))
    if content.get("mended"):
        found["mended by --repair"] = content["mended"]
    if content.get("source"):
        found["started from"] = content["source"].get("text")
    return found


def _data(content: dict[str, Any]) -> dict[str, str]:
    splits = content.get("splits", {})
    digests = {name: str(one.get("digest", ""))[:_SHOWN] for name, one in splits.items()}
    found: dict[str, Any] = {name: content.get(name) for name in ("source", "kind", "task", "shape")}
    found["fingerprint"] = str(content.get("fingerprint", ""))[:_SHOWN]
    found["classes"] = content.get("classes")
    found["samples"] = {name: one.get("rows") for name, one in splits.items()}
    found["digest of the split"] = digests
    found["set aside"] = len(content.get("quarantined", ()))
    found |= {f"preprocessing.{name}": one for name, one in flat(content.get("preprocessing", {})).items()}
    return _texts(found)


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {name: value(one) for name, one in values.items()}
