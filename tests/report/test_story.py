"""`read_story`: a folder in any state, and a record with whatever may happen to it."""

import fcntl
import json
import math
import sys
from pathlib import Path
from subprocess import run

import pytest

from trainwell.errors import BadRun
from trainwell.report.story import read_story

LINES = (
    '{"kind": "note", "format": 1, "text": "begun"}',
    '{"kind": "measure", "step": 1, "loss": 2}',
    '{"kind": "check", "probe": "overfit", "ok": true}',
    '{"kind": "measure", "step": 2, "loss": null, "dead_units.act": 0.5, "shape": [1], "name": "x"}',
    '{"kind": "epoch", "epoch": 1.0, "step": 2, "valid_loss": 0.25}',
    '{"step": 3, "loss": 1.5, "kind": "measure"}',
)


def folder_of(path: Path, lines: tuple[str, ...] = LINES, end: str = "\n", **files: object) -> Path:
    """A run folder with this record and these files."""
    path.mkdir(exist_ok=True)
    for name, content in ({"recipe": {"recipe": {}}} | files).items():
        (path / f"{name}.json").write_text(json.dumps({"format": 1, **dict(content)}))  # type: ignore[call-overload]
    (path / "record.jsonl").write_text("\n".join(lines) + end)
    return path


def test_lines_become_columns(tmp_path: Path) -> None:
    story = read_story(folder_of(tmp_path))
    assert len(story.measures) == 3 and len(story.epochs) == 1
    assert story.measures["step"].tolist() == [1, 2, 3]
    assert story.measures["loss"].tolist()[::2] == [2.0, 1.5] and math.isnan(story.measures["loss"][1])
    assert [math.isnan(value) for value in story.measures["dead_units.act"]] == [True, False, True]
    assert story.measures.names("dead_units.") == ["dead_units.act"]
    assert "shape" not in story.measures and "name" not in story.measures and "kind" not in story.measures
    assert [line["probe"] for line in story.lines["check"]] == ["overfit"]
    assert story.lines["trial"] == [] and list(story.lines) == ["note", "check"]


def test_a_column_of_nulls_is_a_column(tmp_path: Path) -> None:
    story = read_story(folder_of(tmp_path, ('{"kind": "measure", "step": 1, "loss": null}',)))
    assert math.isnan(story.measures["loss"][0])


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    story = read_story(folder_of(tmp_path, (*LINES, '{"kind": "measure", "st'), end=""))
    assert len(story.measures) == 3


@pytest.mark.parametrize("broken", ['{"kind": "measure", "step": 4', '{"kind": "no', "[1]", '{"step": 1}'])
def test_a_broken_line_is_named(tmp_path: Path, broken: str) -> None:
    folder = folder_of(tmp_path, (LINES[0], broken, LINES[1]))
    with pytest.raises(BadRun, match=r"Line 2 of .*record\.jsonl cannot be read"):
        read_story(folder)


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="There is no run folder"):
        read_story(tmp_path / "none")
    with pytest.raises(BadRun, match=r"holds no run: it has no recipe\.json and no study\.json"):
        read_story(tmp_path)


def test_a_run_that_wrote_its_recipe_only(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text('{"format": 1}')
    story = read_story(tmp_path)
    assert (story.state, story.data, len(story.epochs), story.findings) == ("stopped", {}, 0, [])
    assert story.picture("inputs.png") is None


def test_states(tmp_path: Path) -> None:
    finished = {"findings": [], "verdict": {"finished": True, "healthy": True}}
    folder = folder_of(tmp_path, findings=finished)
    (folder / ".lock").touch()
    assert read_story(folder).state == "finished"
    with open(folder / ".lock") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert read_story(folder).state == "running"
    assert read_story(folder_of(tmp_path, findings={"findings": [], "verdict": {}})).state == "stopped"


def test_a_study_has_the_run_of_its_winner(tmp_path: Path) -> None:
    study = folder_of(tmp_path / "study", study={"metric": "valid_loss"})
    (study / "recipe.json").unlink()
    assert read_story(study).best_run is None
    folder_of(study / "best-run")
    story = read_story(study)
    assert story.state == "stopped" and story.summary is None
    assert story.best_run is not None and len(story.best_run.measures) == 3


def test_torch_is_not_needed() -> None:
    code = "import sys, trainwell.report.write, trainwell.cli.report; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
