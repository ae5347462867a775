"""Verdict: healthy or not, what the kept weights score, and what was found, with the evidence beside it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainwell.report.render import render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.words import counted, duration, number, value

_PARTS = {"train": "training", "valid": "validation", "heldout": "held out"}
_NAMES = {"r2": "R²"}
_KINDS = {"error": "no", "warning": "part", "note": "none"}


def verdict(story: Story) -> Section | None:
    """What came out, in words, and every finding; of a study, what was found and how the winner's run ended."""
    told_by = story.best_run or story  # of a study the winner's run, once there is one
    found, findings = told_by.verdict, told_by.findings
    kind, headline = _headline(story, found, findings)
    parts, scores = _scores(found.get("scores") or {})
    html = render(
        "verdict.html",
        kind=kind,
        headline=headline,
        told=_told(story, found),
        parts=parts,
        scores=scores,
        kept=_kept(found, story),
        rows=_study_rows(story),
        findings=[_finding(one) for one in findings],
        looked=bool(found.get("finished")),
    )
    return Section("verdict", "Verdict", html)


def _headline(story: Story, found: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Kind and words of the one line that is read first."""
    errors = sum(1 for one in findings if one.get("severity") == "error")
    bad = f", and {counted(errors, 'error')} already found" if errors else ""
    if story.state == "running":
        return ("no" if errors else "open"), f"Under way{bad}"
    if story.state == "stopped" and not found.get("finished"):
        return ("no" if errors else "part"), f"Stopped before its end{bad}"
    if story.state == "stopped":
        return "part", "Stopped before the study's end"
    doubts = sum(1 for one in findings if one.get("severity") == "warning")
    if not found.get("healthy"):
        return "no", "Not healthy"
    return ("part", f"Healthy, with {counted(doubts, 'warning')}") if doubts else ("yes", "Healthy")


def _told(story: Story, found: Mapping[str, Any]) -> str:
    """The verdict as the run says it, or how far it has come."""
    if found.get("words"):
        return str(found["words"]).removeprefix("not healthy: ").removeprefix("healthy: ")
    if story.study is not None:
        trials = len(story.lines["trial"])
        return f"{counted(trials, 'trial')} so far." if trials else "No trial is finished yet."
    if not len(story.epochs):
        return "No epoch is finished yet."
    done, whole = story.epochs["epoch"][-1], (story.recipe.get("recipe") or {}).get("epochs")
    of = f" of {number(whole)}" if isinstance(whole, int | float) else ""
    hint = "" if story.state == "running" else " Go on with the same command, --out this folder and --resume."
    return f"Epoch {number(done)}{of} is done.{hint}"


def _kept(found: Mapping[str, Any], story: Story) -> str:
    epoch = found.get("kept_epoch")
    whose = "Winner's weights" if story.study is not None else "Kept weights"
    return whose if not isinstance(epoch, int | float) else f"{whose}, epoch {number(epoch)}"


def _scores(scores: Mapping[str, Any]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Columns (parts of the data) and rows (loss, accuracy ...) of the table of scores."""
    parts = [part for part in _PARTS if any(name.startswith(f"{part}_") for name in scores)]
    names = list(dict.fromkeys(name.partition("_")[2] for name in scores))
    rows = [
        (_NAMES.get(name, name.replace("_", " ")), [_score(name, scores.get(f"{part}_{name}")) for part in parts])
        for name in names
    ]
    return [_PARTS[part] for part in parts], rows


def _score(name: str, score: Any) -> str:
    if not isinstance(score, int | float) or not math.isfinite(score):
        return "–"
    return f"{score:.2%}" if name.endswith("accuracy") else number(score)


def _finding(one: Mapping[str, Any]) -> dict[str, Any]:
    """A finding as the template shows it; those of earlier versions lack keys."""
    fix, confidence = one.get("fix"), one.get("confidence", 1.0)
    arguments = {} if fix is None else {name: given for name, given in fix.items() if name != "edit"}
    words = "" if fix is None else " ".join([str(fix["edit"]), *(f"{n}={value(v)}" for n, v in arguments.items())])
    severity = str(one.get("severity", "note"))
    return {
        "problem": one.get("problem", ""),
        "severity": severity,
        "kind": _KINDS.get(severity, "none"),
        "where": one.get("where", ""),
        "message": one.get("message", ""),
        "advice": one.get("advice", ""),
        "evidence": [(name.replace("_", " "), value(given)) for name, given in (one.get("evidence") or {}).items()],
        "fix": words,
        "confidence": f"By experience such a finding is right in {confidence:.0%} of programs."
        if confidence < 1
        else "",
        "explains": [_finding(inner) for inner in one.get("explains", ())],
    }


def _study_rows(story: Story) -> list[tuple[str, str]]:
    """What a study found."""
    if story.study is None:
        return []
    rows = [("Budget", _budget(story.study.get("budget") or {}))]
    if story.summary is None:
        return rows
    winner = story.summary["winner"]
    return [
        ("Winner", story.summary["words"]),
        ("Its settings", ", ".join(winner["edits"]) or "the recipe's own"),
        ("Compared by", story.summary["metric"].replace("_", " ")),
        ("What mattered", story.summary["mattered"]),
        ("Trials", f"{len(story.summary['trials']):,} ({story.summary['counts']})"),
        ("Time", duration(story.summary["seconds"])),
        *rows,
    ]


def _budget(budget: Mapping[str, Any]) -> str:
    if budget.get("seconds") is not None:
        return duration(budget["seconds"])
    return counted(budget["trials"], "trial") if budget.get("trials") is not None else "not written down"
