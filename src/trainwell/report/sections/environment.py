"""Environment: the command that repeats the run, the machine and the versions."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from trainwell.report.render import render
from trainwell.report.section import Section
from trainwell.report.story import Story
from trainwell.report.words import value

_ROWS = {"device": "Device", "cpu": "Processor", "threads": "Threads it may use", "system": "System",
         "python": "Python"}  # fmt: skip
_TIMED = ("precision", "layout", "compile", "threads")  # chosen by timing, which may come out otherwise another time
_ABOUT = (
    "In the folder in which it was given. It makes a new run folder; on the same machine, data and versions the "
    "numbers are the same to the last digit."
)
_ABOUT_STUDY = "In the folder in which it was given. It makes a new study; which trials fit into a time may differ."
_ABOUT_TUNED = "In the folder in which it was given. It makes a new study, as the one that trained this run."
_ABOUT_TRANSFER = (
    "It was made from Python. DATA, SOURCE and EDITS are what was given; the source and what was changed in the recipe "
    "stand above."
)
_ABOUT_LONGER = " This run was then given more epochs; to have them, give the command again with --resume and {edits}."
_ABOUT_PYTHON = "It was made from Python. These lines train the same recipe; DATA is what was given."


def environment(story: Story) -> Section | None:
    """Machine, versions, and the command."""
    found = story.environment
    if not found:
        return None
    given = [str(word) for word in found.get("command") or ()]
    about, command = repeat(story)
    html = render(
        "environment.html",
        about=about,
        command=command,
        rows=[(title, value(found[name])) for name, title in _ROWS.items() if name in found],
        packages=list((found.get("packages") or {}).items()),
        given=shlex.join(given),
    )
    return Section("environment", "Environment", html)


def repeat(story: Story) -> tuple[str, str]:
    """What repeats a run, to be pasted into a shell or into Python; and what is to be known of it.

    Options that say where the run went are left out, and what was chosen by timing or trying is pinned.
    """
    given = [str(word) for word in story.environment.get("command") or ()]
    if not _is_program(given) and story.recipe.get("source"):
        return _ABOUT_TRANSFER, "import trainwell as tw\n\ntw.finetune(DATA, SOURCE, EDITS)"
    if not _is_program(given):
        path = str(story.path.resolve() / "recipe.json")
        lines = [
            "import json",
            "import trainwell as tw",
            "",
            f"content = json.load(open({path!r}))",
            'tw.fit(DATA, recipe=tw.Recipe.from_json(content["recipe"]))',
        ]
        return (_ABOUT_PYTHON, "\n".join(lines)) if story.recipe else ("", "")
    words = ["trainwell", *_without_places(given[1:])]
    verb = given[1]
    if verb == "tune":
        return _ABOUT_STUDY if story.study is not None else _ABOUT_TUNED, shlex.join(words)
    later = (story.recipe.get("segments") or [])[1:]
    edits = ", then ".join(f"epochs={end:g}" for end in later)
    about = _ABOUT + (_ABOUT_LONGER.format(edits=edits) if later else "")
    return about, shlex.join([*words, *_pinned(story.recipe, verb)])


def _is_program(given: Sequence[str]) -> bool:
    """Whether a run was made on the command line."""
    if len(given) < 2:
        return False
    program = PurePath(given[0])
    return program.stem == "trainwell" or program.parts[-2:] == ("trainwell", "__main__.py")


def _without_places(words: Sequence[str]) -> list[str]:
    """A command without --out, --resume and --force."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip or word in ("--resume", "--force") or word.startswith("--out="):
            skip = False
        elif word == "--out":
            skip = True
        else:
            kept.append(word)
    return kept


def _pinned(content: Mapping[str, Any], verb: str) -> list[str]:
    """Edits for what was resolved; what was asked for as it is needs none."""
    asked, resolved = content.get("requested") or {}, content.get("recipe") or {}
    edits = [f"{name}={resolved[name]}" for name in _TIMED if name in resolved and asked.get(name) != resolved[name]]
    before, after = (part.get("optimizer") or {} for part in (asked, resolved))
    if verb == "fit" and not content.get("mended") and before.get("lr") != after.get("lr"):
        edits.append(f"optimizer.lr={after['lr']!r}")
    return edits
