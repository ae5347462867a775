"""`trainwell export`: what it prints, and its exit codes."""

from collections.abc import Callable
from pathlib import Path

import pytest

import trainwell as tw

from .conftest import Done


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on iris."""
    edits = ["epochs=2", "precision=fp32", "layout=contiguous"]
    return tw.fit("iris", edits, out=tmp_path_factory.mktemp("runs") / "iris", options=tw.Options(checks=False)).path


def test_a_folder_and_what_was_found(iris: Path, inside: Callable[..., Done]) -> None:
    done = inside("export", iris, "--format", "torch", "--out", "shipped")
    assert done.code == 0, done.text
    assert "checked on 128 rows of iris" in done.text
    assert "same class for 128 of 128 (tolerance 1e-04)" in done.text
    for name in ("README.md", "columns.json", "config.json", "model.pt2", "read.py"):
        assert f"  {name} " in done.text
    inside("export", iris, "--out", "shipped").refused("shipped holds an export", "--force")
    assert inside("export", iris, "--format", "safetensors", "--out", "shipped", "--force").code == 0
    left = {entry.name for entry in Path("shipped").iterdir()}
    assert left == {"README.md", "columns.json", "config.json", "model.safetensors", "read.py"}


def test_requests_that_cannot_be_carried_out(iris: Path, inside: Callable[..., Done]) -> None:
    inside("export", "nowhere").refused("no run folder 'nowhere'")
    inside("export", iris, "--format", "tensorflow").refused("no export format called 'tensorflow'", "onnx")
    inside("export", iris, "--format", "onxx").refused("Did you mean 'onnx'?")
    Path("shipped").mkdir()
    Path("shipped", "config.json").write_text("5")
    inside("export", iris, "--out", "shipped", "--force").refused("shipped exists and is no export")
