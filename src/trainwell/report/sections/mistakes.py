"""Mistakes: the validation samples on which the kept weights are furthest from the truth."""

from typing import Any

from trainwell.record import MISTAKES
from trainwell.report.picture import embedded
from trainwell.report.render import render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.words import number


def mistakes(story: Story) -> Section | None:
    """The worst mistakes; None where the run has no validation split, or makes none."""
    found = story.validation
    if found is None or not found["worst"]:
        return None
    content = story.picture(MISTAKES)
    classes = bool(found["classes"])
    head = (
        ["sample", "said", "probability", "true", "its probability"] if classes else ["sample", "said", "true", "error"]
    )
    html = render(
        "mistakes.html",
        picture=None if content is None else embedded(content),
        head=head,
        rows=[_row(one, classes) for one in found["worst"]],
    )
    return Section("mistakes", "Worst mistakes", html, _words(found))


def _words(found: dict[str, Any]) -> str:
    shown = len(found["worst"])
    if not found["classes"]:
        return f"Of {found['count']:,} validation samples, the {shown} whose prediction is furthest off."
    wrong = found["count"] - sum(row[place] for place, row in enumerate(found["confusion"]))
    which = "all of them" if shown == wrong else f"the {shown} whose true class was given the least probability"
    return f"{wrong:,} of {found['count']:,} validation samples are taken for another class; here are {which}."


def _row(one: dict[str, Any], classes: bool) -> list[str]:
    said, true = _value(one["said"]), _value(one["true"])
    if not classes:
        return [one["name"], said, true, _value(one["error"])]
    return [one["name"], said, _value(one["probability"]), true, _value(one["true_probability"])]


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(number(one) for one in value)
    return value if isinstance(value, str) else number(value)
