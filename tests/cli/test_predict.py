"""`trainwell predict`: what stands on standard output, what beside it, and the exit code."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len

from trainwell.cli.answers import AsJson, AsTable
from trainwell.method.predictions import Origin, Predictions

from .conftest import Done, Finished


@pytest.fixture
def folder(tmp_path: Path, quarters: Path) -> Path:
    """Three images, one broken file and one that is none."""
    root = tmp_path / "new [red]"
    root.mkdir()
    for row, image in enumerate(np.load(quarters)["x"][:3]):
        Image.fromarray(image).save(root / f"{row}, a\nb.png")
    (root / "broken.png").write_bytes(b"\x89PNG")
    (root / "notes.txt").touch()
    return root


def test_a_table_json_and_csv(quarters_run: Finished, inside: Callable[..., Done], folder: Path) -> None:
    table = inside("predict", quarters_run.path, folder)
    assert table.code == 0, table.text
    lines = table.out.splitlines()
    assert lines[0].split() == ["file", "class", "probability"] and len(lines) == 4
    assert lines[1].startswith(f"{folder}/0, a\\nb.png  ")
    assert "! not read: " in table.err and "broken.png: damaged" in table.err
    assert "1 file that is no image passed over" in table.err

    document = json.loads(inside("predict", quarters_run.path, folder, "--json").out)
    said = document["predictions"]
    assert [Path(row["file"]).name for row in said] == [f"{row}, a\nb.png" for row in range(3)]
    assert document["classes"] == list(said[0]["probabilities"]) and len(document["broken"]) == 1
    for row, line in zip(said, lines[1:], strict=True):
        best = max(row["probabilities"], key=row["probabilities"].get)
        assert (row["class"], row["probability"]) == (best, row["probabilities"][best])
        assert line.split()[-2:] == [best, f"{row['probability']:.4f}"]

    rows = list(csv.reader(io.StringIO(inside("predict", quarters_run.path, folder, "--csv", "--top", "2").out)))
    assert rows[0] == ["file", "class 1", "probability 1", "class 2", "probability 2"]
    assert [row[:2] for row in rows[1:]] == [[row["file"], row["class"]] for row in said]
    assert float(rows[1][2]) == pytest.approx(said[0]["probability"], rel=1e-8)


def test_a_temperature_scales_the_probabilities(
    quarters_run: Finished, inside: Callable[..., Done], quarters: Path
) -> None:
    asked = "predict", quarters_run.path, quarters, "--json"
    plain, scaled = (json.loads(inside(*asked, *more).out) for more in ([], ["--temperature", "2"]))
    for one, other in zip(plain["predictions"][:5], scaled["predictions"], strict=False):
        roots = {name: value**0.5 for name, value in one["probabilities"].items()}
        expected = {name: value / sum(roots.values()) for name, value in roots.items()}
        assert other["probabilities"] == pytest.approx(expected, abs=1e-6)
    inside(*asked, "--temperature", "-1").refused("temperature=-1.0", "[0.05, 20]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_for_the_eye_and_json_that_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    classes = "猫", "dog"
    origins = [Origin(file, None) for file in ("写真" * 20 + ".jpg", "写.jpg", "a" * 90, "a.jpg")]
    terminal, plain = Terminal(), io.StringIO()
    for stream in (terminal, plain):
        part = Predictions(tuple(origins[stream is plain :]), classes, np.full((4, 2), 0.5)[stream is plain :])
        AsTable(stream, classes, top=None, rows=False).add(part)
    for lines in (terminal.getvalue().splitlines(), plain.getvalue().splitlines()):
        where = {cell_len(line[: line.index("猫")]) for line in lines[1:] if "a" * 50 not in line}
        assert len(where) == 1
    assert all(cell_len(line) == 44 for line in terminal.getvalue().splitlines()[1:])
    stream = io.StringIO()
    form = AsJson(stream, (), top=None, rows=False)
    form.add(Predictions((Origin(None, 0),), (), np.array([np.inf])))
    form.end([], [])
    assert "Infinity" not in stream.getvalue()
    assert json.loads(stream.getvalue())["predictions"] == [{"row": 0, "value": None}]


def test_only_broken_files_exit_with_1(quarters_run: Finished, inside: Callable[..., Done], folder: Path) -> None:
    done = inside("predict", quarters_run.path, folder / "broken.png", folder / "gone.png", "--json")
    assert done.code == 1 and json.loads(done.out)["predictions"] == []
    assert "2 could not be read; 0 predicted" in done.err
    Path("a=b.png").touch()  # a file, not a word of views
    assert inside("predict", quarters_run.path, "a=b.png").code == 1


def test_rows_are_numbered_and_views_averaged(
    quarters_run: Finished, inside: Callable[..., Done], quarters: Path
) -> None:
    plain = inside("predict", quarters_run.path, quarters, "--csv")
    viewed = inside("predict", quarters_run.path, "crops=5", "scales=9,10", quarters, "--csv")
    assert plain.code == viewed.code == 0, plain.text + viewed.text
    places = [line.split(",")[:2] for line in plain.out.splitlines()]
    assert places[:2] == [["file", "row"], [str(quarters), "1"]] and len(places) == 321
    assert plain.out != viewed.out and "averaged over 10 views" in viewed.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.png"], ["There is no file or folder nowhere.png"]),
        (["crop=10", "a.png"], ["'crop'", "crops"]),
        (["crops=5"], ["nothing to predict"]),
        (["a.png", "--json", "--csv"], ["Choose one"]),
        (["a.png", "--top", "9"], ["1 to 4"]),
        (["a.csv"], ["a.csv is a table", "images"]),
    ],
)
def test_refusals(quarters_run: Finished, inside: Callable[..., Done], arguments: list[str], words: list[str]) -> None:
    Path("a.csv").touch()
    inside("predict", quarters_run.path, *arguments).refused(*words)


def test_no_run(inside: Callable[..., Done]) -> None:
    inside("predict", "nowhere", "a.png").refused("There is no run folder 'nowhere'")
