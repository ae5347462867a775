"""Recipe: what was changed in it first, then what was chosen by trying, then all of it."""

import json
from collections.abc import Mapping
from typing import Any

from trainwell.report.render import render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.words import number, value

_Row = tuple[str, str, str]
_STUDY_WHY = "The recipe that the trials edit; what was changed in it for the winner stands with the verdict."


def recipe(story: Story) -> Section | None:
    """The recipe of a run, or the one that the trials of a study edit."""
    content = story.recipe if story.study is None else story.study
    whole = content.get("recipe") or {}
    if not whole:
        return None
    requested = content.get("requested") or whole
    calibration = content.get("calibration") or {}
    gain, timed = _timed(calibration, whole.get("batch_size"))
    changed = content.get("changed")  # folders of earlier versions do not tell
    source = content.get("source") if story.study is None else None
    html = render(
        "recipe.html",
        why=content.get("why", "") if story.study is None else _STUDY_WHY,
        source=[] if not source else [(name, value(given)) for name, given in source.items()],
        asked=None if changed is None else [row for text in changed for row in _change(text)],
        mended=" ".join(content.get("mended") or ()),
        resolved=_differences(requested, whole),
        gain=gain,
        timed=timed,
        fields=[(name, spelled(given)) for name, given in whole.items()],
    )
    return Section("recipe", "Recipe", html, _words(whole))


def spelled(given: Any) -> str:
    """A value of a recipe as a person would read it: a part is its name and its arguments."""
    if isinstance(given, dict) and "name" in given:
        inside = [f"{name}={_inner(inner)}" for name, inner in given.items() if name != "name"]
        return " ".join([str(given["name"]), *inside])
    if isinstance(given, list):
        return "; ".join(spelled(inner) for inner in given) or "none"
    return value(given)


def _inner(given: Any) -> str:
    text = spelled(given)
    return f"({text})" if isinstance(given, dict) and len(given) > 1 else text


def _words(whole: Mapping[str, Any]) -> str:
    """The run in a sentence."""
    names = {name: (whole.get(name) or {}).get("name", "none") for name in ("model", "optimizer", "schedule", "loss")}
    epochs, size = whole.get("epochs"), whole.get("batch_size")
    length = f", {number(epochs)} epochs" if isinstance(epochs, int | float) else ""
    batch = f", batches of {size:,}" if isinstance(size, int) else ""
    return f"{names['model']}, {names['loss']}, {names['optimizer']}, schedule {names['schedule']}{length}{batch}."


def _change(text: str) -> list[_Row]:
    """`field: this -> that`, both as JSON, as rows."""
    name, _, both = text.partition(": ")
    before, _, after = both.partition(" -> ")
    return _differences({name: _from_json(before)}, {name: _from_json(after)})


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # a name with an arrow in it was cut through
        return text


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[_Row]:
    """Fields in which two recipes differ, those inside parts of the same name by themselves."""
    rows: list[_Row] = []
    for name in after:
        one, other = before.get(name), after[name]
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict) and one.get("name") == other.get("name"):
            rows += _differences(one, other, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", spelled(one), spelled(other)))
    return rows


def _timed(calibration: Mapping[str, Any], batch_size: Any) -> tuple[str, list[tuple[str, str, str, bool]]]:
    """What calibration says, and the ways it timed: way, milliseconds, length of the bar, whether it was taken.

    A large batch is timed by a part of it; `step_seconds` is of all of it.
    """
    timed: Mapping[str, float] = calibration.get("timed") or {}
    if len(timed) < 2:  # nothing was compared
        return "", []
    slowest = max(timed.values())
    taken = [str(calibration.get("precision")), str(calibration.get("layout")), f"{calibration.get('threads')}t"]
    rows = [
        (way, number(1000 * seconds), number(100 * seconds / slowest), way.split("/")[:3] == taken)
        for way, seconds in sorted(timed.items(), key=lambda item: item[1])
    ]
    gain = f"A step takes {number(1000 * calibration['step_seconds'])} ms." if "step_seconds" in calibration else ""
    used = next((timed[way] for way in timed if way.split("/")[:3] == taken), None)
    if gain and used is not None and isinstance(batch_size, int):
        samples = round(batch_size * used / calibration["step_seconds"])
        gain += f" Timed with {samples:,} of its {batch_size:,} samples." if samples < batch_size else ""
    if calibration.get("gain") == 1:
        gain += " The plain way was kept: no other one is faster by enough to be worth it."
    elif calibration.get("gain"):
        gain += f" The way taken is {calibration['gain']:.2f} times as fast as the plain one."
    if calibration.get("cached"):
        gain += " They were timed in an earlier run."
    return gain.strip(), rows
