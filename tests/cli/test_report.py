"""`report`: the page of a real run with hostile names, made by `fit` and by the verb; what is refused."""

import json
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainwell.errors import Diverged
from trainwell.method.reported import reported
from trainwell.method.screen import Silent
from trainwell.report.render import SCRIPTS
from trainwell.report.sections.environment import repeat
from trainwell.report.story import read_story

from .conftest import EASY, Done, Program

CLASSES = ("<script>alert(1)<", "[red]", "{{7*7}}")  # a name cannot hold a slash
FILE = '"><img src=x onerror=alert(1)>.png'


class Page(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_photos(folder: Path) -> Path:
    """Images of three classes with hostile names; one file is broken."""
    draws = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(24):
            pixels = draws.integers(0, 90, (8, 8, 3)).astype(np.uint8)
            pixels[..., label] += 120
            Image.fromarray(pixels).save(folder / name / (FILE if number == 0 else f"{number}.png"))
    (folder / CLASSES[0] / f"broken {FILE}").write_bytes(b"no image")
    return folder


def test_hostile_names_are_text(inside: Callable[..., Done], tmp_path: Path) -> None:
    source = hostile_photos(tmp_path / "<b>photos")
    options = (*EASY, "threads=1", "epochs=2", "--no-checks", "--cache", tmp_path / "cache")
    done = inside("fit", source, *options, "--out", "run")
    assert done.code in (0, 1) and "report: run/report.html" in done.text, done.text
    page = Page(tmp_path / "run" / "report.html")
    assert page.tags.count("script") == len(SCRIPTS) and not page.handlers
    for name in (*CLASSES, FILE, "<b>photos"):
        assert name in page.text, name


def test_the_verb(inside: Callable[..., Done], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.json").write_text('{"format": 1}')
    done = inside("report", "run")
    assert (done.code, done.out) == (0, "run/report.html\n")
    assert inside("report", run, "--out", "page.html").code == 0 and (tmp_path / "page.html").exists()
    inside("report", "none").refused("no run folder")
    inside("report", run, "--port", 80).refused("--port and --host are for --live")
    inside("report", run, "--live", "--out", "page.html").refused("--live serves the page of one run")
    inside("report", run, run, "--live").refused("--live serves the page of one run")
    inside("report", run, "--tensorboard", "--live").refused("--tensorboard writes the events of one run")


def test_the_command_on_the_page_repeats_the_run(program: Program, inside: Callable[..., Done]) -> None:
    assert program("fit", "iris", "epochs=4", "--out", "one").code in (0, 1)
    command = shlex.split(repeat(read_story(program.cwd / "one"))[1])
    assert any(word.startswith("threads=") for word in command), command
    again = inside(*command[1:])
    assert again.code in (0, 1), again.text

    def numbers(folder: Path) -> list[dict[str, float]]:
        lines = map(json.loads, (folder / "record.jsonl").read_text().splitlines())
        return [{k: v for k, v in line.items() if k != "seconds"} for line in lines if line["kind"] == "epoch"]

    assert numbers(program.cwd / "runs" / "iris-1") == numbers(program.cwd / "one") != []


class Heard(Silent):
    """A screen that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(text)


def test_a_report_that_cannot_be_made_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text('{"format": 1}')
    screen = Heard()
    with pytest.raises(Diverged, match="the run's own"), reported(tmp_path, screen):
        (tmp_path / "record.jsonl").write_text("torn\n")
        raise Diverged("the run's own")
    assert len(screen.lines) == 1 and "the report was not made (BadRun: Line 1 of" in screen.lines[0]


def test_a_diverged_run_has_a_report(inside: Callable[..., Done], quarters: Path, tmp_path: Path) -> None:
    done = inside(
        "fit", quarters, *EASY, "optimizer=sgd", "optimizer.lr=1e30", "epochs=2", "--no-checks", "--out", "run"
    )
    assert done.code == 1, done.text
    page = Page(tmp_path / "run" / "report.html")
    assert "Not healthy" in page.text and "divergence" in page.text and "diverged" in page.text
