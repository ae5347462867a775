"""Stages: what the method did, step by step, each with its mark and its numbers in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainwell.report.render import render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.words import duration, number, value

_TOLD = {"kind", "probe", "ok", "message", "advice", "clock"}  # shown elsewhere in the stage, or of no interest
_ENDINGS = {"running": ("open", "under way"), "stopped": ("part", "stopped"), "finished": ("yes", "done")}
_LOST = "Weights were kept, but the record has no epoch."
_CHECKS = {"initial_loss": "initial loss", "overfit": "overfit a sample", "rate_trial": "the recipe's rate"}


@dataclass(frozen=True)
class Stage:
    """One step of the method.

    Args:
        name: What it is called.
        kind: `yes`, `part`, `no`, `open` while it is under way, `none` where it was not run.
        mark: The same in a word.
        lines: What it says.
        more: Its numbers by name.
    """

    name: str
    kind: str
    mark: str
    lines: list[str]
    more: list[tuple[str, str]] = field(default_factory=list)


def stages(story: Story) -> Section | None:
    """Look, checks, learning rate, train, read the curves, verdict; of a study its own stages."""
    made = [_look(story), *_checks(story), _rate(story)]
    if story.study is None:
        made += [*_head(story), _train(story), _curves(story), _verdict(story)]
    else:
        made += [*_searched(story), _winner(story)]
    words = "Every step of the method, in order, with what it found."
    return Section("stages", "The method", render("stages.html", stages=made), words)


def _look(story: Story) -> Stage:
    notes = [str(note) for note in story.data.get("notes", ())]
    why = [str(story.recipe["why"])] if story.recipe.get("why") else []
    return Stage("Look", "yes" if notes else "none", "done" if notes else "not run", [*notes, *why])


def _marked(name: str, line: Mapping[str, Any]) -> Stage:
    """A check or a rate as a stage, its short numbers below it."""
    ok = bool(line.get("ok", True))
    more = [
        (key.replace("_", " "), value(given))
        for key, given in line.items()
        if key not in _TOLD and not (isinstance(given, list) and len(given) > 1)
    ]
    lines = [str(line.get("message", "")), *([str(line["advice"])] if line.get("advice") else [])]
    return Stage(name, "yes" if ok else "no", "ok" if ok else "failed", lines, more)


def _checks(story: Story) -> list[Stage]:
    found = [
        _marked(f"Check: {_CHECKS.get(str(line.get('probe')), line.get('probe'))}", line)
        for line in story.lines["check"]
    ]
    return found or [Stage("Checks", "none", "not run", [_not_run(story)])]


def _rate(story: Story) -> Stage:
    lines = story.lines["rate"]
    if not lines:
        return Stage("Learning rate", "none", "not run", [_not_run(story)])
    if lines[-1].get("probe") == "rate_range" or story.study is None:
        return _marked("Learning rate", lines[-1])
    return _marked("Range of learning rates", lines[-1])


def _not_run(story: Story) -> str:
    asked = "--no-checks" in (story.environment.get("command") or [])
    if asked:
        return "Switched off by --no-checks."
    if len(story.epochs) or story.lines["trial"]:
        return "The run was made without it."
    return "The record has nothing of it." if story.verdict.get("finished") else "The run has not come so far."


def _head(story: Story) -> list[Stage]:
    """The head that a transfer trains first."""
    heads = [line for line in story.lines["trial"] if line.get("stage") == "head"]
    if not heads:
        return []
    chosen = next((line for line in heads if line.get("chosen")), None)
    lines = [f"{len(heads)} heads were trained together on the features of the frozen body."]
    if chosen is not None:
        lines.append(f"Chosen: rate {number(chosen['lr'])}, weight decay {number(chosen['weight_decay'])}.")
    return [Stage("Head first", "yes" if chosen else "part", "done" if chosen else "undecided", lines)]


def _train(story: Story) -> Stage:
    epochs = story.epochs
    diverged = any(one.get("problem") == "divergence" for one in story.findings)
    if not len(epochs):
        kind, mark = ("open", "under way") if story.state == "running" else ("none", "not run")
        kind, mark = ("no", "diverged") if diverged else (kind, mark)
        kept = story.verdict.get("kept_epoch") is not None
        return Stage("Train", kind, "not in the record" if kept else mark, [_LOST if kept else "No epoch is finished."])
    seconds = epochs["seconds"][-1] if "seconds" in epochs else 0.0
    steps = epochs["step"][-1] if "step" in epochs else float("nan")
    lines = [f"{number(epochs['epoch'][-1])} epochs, {number(steps)} steps, in {duration(float(seconds))}."]
    if diverged:
        return Stage("Train", "no", "diverged", lines)
    if story.verdict.get("stopped_early"):
        lines.append("Ended by patience: what is watched had stopped getting better.")
    kind, mark = _ENDINGS[story.state]
    return Stage("Train", kind, mark, lines)


def _curves(story: Story) -> Stage:
    """What the doctor read from the record at the end."""
    name = "Read the curves"
    if not story.verdict.get("finished"):
        return Stage(name, "none", "not run", ["This is done at the end of the training."])
    found = [one for one in story.findings if one.get("severity") in ("error", "warning")]
    if not found:
        return Stage(name, "yes", "ok", ["Nothing that would have to be mended."])
    errors = any(one["severity"] == "error" for one in found)
    lines = [f"{one['problem']}: {one['message']}" for one in found]
    return Stage(name, "no" if errors else "part", "see the findings", lines)


def _verdict(story: Story) -> Stage:
    if not story.verdict.get("finished"):
        return Stage("Verdict", "none", "none yet", ["There is none before the training has ended."])
    healthy = bool(story.verdict.get("healthy"))
    words = str(story.verdict.get("words", ""))
    return Stage("Verdict", "yes" if healthy else "no", "healthy" if healthy else "not healthy", [words])


def _searched(story: Story) -> list[Stage]:
    """The stages of a study, each with what was decided in it."""
    cut = {line.get("stage") for line in story.lines["cut"]}
    notes = [str(line.get("text", "")) for line in story.lines["note"]]
    told, made = (story.summary or {}).get("told", notes), []
    for line in story.lines["stage"]:
        name = str(line["name"])
        done = sum(1 for trial in story.lines["trial"] if trial.get("stage") == name)
        whole = int(line.get("count", 0)) * max(1, len(line.get("seeds") or ()))
        kind, mark = ("yes", "done") if done >= whole else ("open", "under way")
        if name in cut:
            kind, mark = "part", "cut short"
        elif done < whole and story.state != "running":
            kind, mark = "part", "stopped"
        said = [text.removeprefix(f"{name}: ") for text in told if text.startswith(f"{name}: ")]
        made.append(Stage(name, kind, mark, [f"{done:,} of {whole:,} trainings.", *(said or [str(line["why"])])]))
    decided = [text for text in told if text.startswith(("decided: ", "curves: "))]
    if decided:
        made.append(Stage("Decide", "yes", "done", decided))
    return made


def _winner(story: Story) -> Stage:
    run = story.best_run
    if run is None:
        return Stage("Train the winner", "none", "not run", ["The search comes first."])
    return Stage("Train the winner", *_ending(run), [str(run.verdict.get("words", "Not finished."))])


def _ending(run: Story) -> tuple[str, str]:
    if run.state == "running":
        return "open", "under way"
    if not run.verdict.get("finished"):
        return "part", "stopped"
    return ("yes", "healthy") if run.verdict.get("healthy") else ("no", "not healthy")
