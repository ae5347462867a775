"""The worst mistakes, as a picture that is small and a table."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trainwell.report.picture import embedded
from trainwell.report.sections.mistakes import mistakes
from trainwell.report.story import Story, read_story

WRONG = {"name": "<i>.png", "said": "bee", "probability": 0.91, "true": "ant", "true_probability": 0.02}


def noise(side: int) -> bytes:
    """A picture that no format makes small, as PNG."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def story_of(path: Path, validation: dict[str, Any], picture: bytes | None = None) -> Story:
    for name, content in (("recipe.json", {"recipe": {}}), ("validation.json", validation)):
        (path / name).write_text(json.dumps({"format": 1, **content}))
    if picture is not None:
        (path / "mistakes.png").write_bytes(picture)
    return read_story(path)


def test_a_picture_is_made_as_small_as_asked() -> None:
    content = noise(600)
    found = embedded(content, 40_000)
    assert found is not None
    held = base64.b64decode(found.uri.partition(",")[2])
    image = Image.open(io.BytesIO(held))
    assert len(content) > 1_000_000 and len(held) <= 40_000
    assert (image.width, image.height) == (found.width, found.height)
    large = embedded(content)
    assert large is not None and large.width == 600  # as it is, where it fits


def test_what_is_no_picture_is_left_out(tmp_path: Path) -> None:
    assert embedded(b"no picture") is None
    about = {"count": 3, "classes": ["ant", "bee"], "confusion": [[1, 1], [0, 1]], "worst": [WRONG]}
    section = mistakes(story_of(tmp_path, about, b"no picture"))
    assert section is not None and "<img" not in section.html and "<details" not in section.html


def test_classes(tmp_path: Path) -> None:
    about = {"count": 3, "classes": ["ant", "bee"], "confusion": [[1, 1], [0, 1]], "worst": [WRONG]}
    section = mistakes(story_of(tmp_path, about, noise(20)))
    assert section is not None
    assert section.words == "1 of 3 validation samples are taken for another class; here are all of them."
    more = mistakes(story_of(tmp_path, about | {"confusion": [[0, 2], [0, 1]]}))
    assert more is not None and more.words.startswith("2 of 3 validation samples") and "all" not in more.words
    html = str(section.html)
    assert 'src="data:image/webp;base64,' in html and "<i>" not in html
    assert re.findall("<td>(.*?)</td>", html) == ["&lt;i&gt;.png", "bee", "0.91", "ant", "0.02"]


def test_values(tmp_path: Path) -> None:
    about = {
        "count": 3,
        "classes": [],
        "worst": [{"name": "row 4", "said": [1.0, 2.0], "true": [3.0, 2.0], "error": 2.0}],
    }
    section = mistakes(story_of(tmp_path, about))
    assert section is not None and re.findall("<td>(.*?)</td>", str(section.html)) == ["row 4", "1, 2", "3, 2", "2"]


def test_no_section_without_mistakes(tmp_path: Path) -> None:
    assert mistakes(story_of(tmp_path, {"count": 1, "classes": ["a"], "confusion": [[1]], "worst": []})) is None
