"""Inputs: what the network sees, plain and augmented."""

from typing import Any

from trainwell.record import INPUTS
from trainwell.report.picture import embedded
from trainwell.report.render import render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.words import value


def inputs(story: Story) -> Section | None:
    """Some training samples as the network gets them; None where it is given no images."""
    content = story.picture(INPUTS)
    picture = None if content is None else embedded(content)
    if picture is None:
        return None
    recipe = story.recipe.get("recipe") or {}
    augment = [_part(part) for part in recipe.get("augment") or ()]
    preprocess = _part(recipe["preprocess"]) if recipe.get("preprocess") else ("none", "")
    html = render("inputs.html", picture=picture, augment=augment, preprocess=preprocess)
    return Section("inputs", "What the network sees", html, _words([name for name, _ in augment]))


def _words(names: list[str]) -> str:
    if not names:
        return "Training samples behind the preprocessing; nothing augments them."
    listed = ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
    return f"The upper half shows training samples as they are, the lower half the same ones after {listed}."


def _part(part: dict[str, Any]) -> tuple[str, str]:
    """Name of a technique, and its arguments in words."""
    return part["name"], ", ".join(f"{name} {value(given)}" for name, given in part.items() if name != "name")
