"""What the network sees."""

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from trainwell.report.sections.inputs import inputs
from trainwell.report.story import Story, read_story


def story_of(path: Path, recipe: dict[str, Any]) -> Story:
    (path / "recipe.json").write_text(json.dumps({"format": 1, "recipe": recipe}))
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20), (200, 30, 30)).save(buffer, format="PNG")
    (path / "inputs.png").write_bytes(buffer.getvalue())
    return read_story(path)


def test_words_say_what_augments(tmp_path: Path) -> None:
    augment = [{"name": "flip", "p": 0.5}, {"name": "crop", "padding": 0.1}, {"name": "<b>"}]
    section = inputs(story_of(tmp_path, {"augment": augment, "preprocess": {"name": "standardize"}}))
    assert section is not None and section.words.endswith("the same ones after flip, crop and <b>.")
    html = str(section.html)
    assert "padding 0.1" in html and "standardize" in html and "<b>" not in html


def test_nothing_augments(tmp_path: Path) -> None:
    section = inputs(story_of(tmp_path, {"augment": []}))
    assert section is not None and "nothing augments" in section.words


def test_no_section_without_a_picture(tmp_path: Path) -> None:
    story = story_of(tmp_path, {})
    (tmp_path / "inputs.png").unlink()
    assert inputs(story) is None
