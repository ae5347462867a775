"""`check`: the verdict in words and in the exit code, the findings, the picture."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from trainwell.record import read_record

from .conftest import Done, Program


def test_healthy(program: Program, inside: Callable[..., Done]) -> None:
    done = program("check", "digits")
    assert done.code == 0, done.text
    assert done.out.splitlines()[-1].startswith("healthy")
    place = program.cwd / "checks" / "digits"
    found = json.loads((place / "findings.json").read_text())
    assert found["verdict"] == {"finished": True, "healthy": True}
    assert [line["kind"] for line in read_record(place)] == ["check", "check", "rate"]
    picture = Image.open(place / "inputs.png")
    side = 8 * 8 + 2  # pixels shown eightfold, and a gap
    assert picture.size == (12 * side + 2, 4 * side + 2)
    assert picture.mode == "RGB"
    pixels = np.asarray(picture)
    assert not (pixels[: side * 2] == pixels[2 * side : 4 * side]).all()  # the lower half is augmented
    assert inside("check", "digits").code == 0  # once more in the same place


def test_a_network_that_cannot_learn(inside: Callable[..., Done], tmp_path: Path) -> None:
    done = inside("check", "digits", "model=mlp", "model.initializer=zeros", "--out", "zeros")
    assert done.code == 1, done.text
    assert done.out.splitlines()[-1].startswith("not healthy; failed: overfit-sample")
    findings = json.loads((tmp_path / "zeros" / "findings.json").read_text())["findings"]
    assert findings[0]["problem"] == "overfit-sample"
    assert findings[0]["severity"] == "error"
    assert findings[0]["advice"]
    assert any(line.startswith("! overfit sample: ") for line in done.out.splitlines())


def test_a_table_has_no_picture(inside: Callable[..., Done], tmp_path: Path) -> None:
    done = inside("check", "iris", "--out", "table")
    assert done.code == 0, done.text
    assert "no picture" in done.out
    assert not (tmp_path / "table" / "inputs.png").exists()
