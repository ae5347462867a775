"""The page of a run: one file, headings in order, nothing fetched, and text from files that stays text."""

import json
import re
import time
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from trainwell.report.page import page
from trainwell.report.render import SCRIPTS
from trainwell.report.sections.environment import repeat
from trainwell.report.story import read_story

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "[red]", "{{7*7}}", "'; -- &amp;"]
FINDING = {
    "problem": "no-learning",
    "severity": "error",
    "message": f"The best is 0.5; {HOSTILE[0]}",
    "advice": "Look at the labels.",
    "evidence": {"score": 0.50981, HOSTILE[1]: list(range(100))},
    "where": HOSTILE[0],
    "confidence": 0.82,
    "fix": {"edit": "rate", "lr": 0.01},
    "explains": [{"problem": "flat", "severity": "note", "message": HOSTILE[0]}],  # as of an earlier version
}


class Parsed(HTMLParser):
    """Elements, ids, headings and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "

    def values(self, name: str) -> list[str | None]:
        return [value for key, value in self.attributes if key == name]


def run_folder(path: Path, *lines: dict[str, Any], **files: dict[str, Any]) -> Path:
    """A run folder with this record and these files."""
    path.mkdir(exist_ok=True)
    for name, content in ({"recipe": {}} | files).items():
        (path / f"{name}.json").write_text(json.dumps({"format": 1, **content}))
    (path / "record.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def parsed(folder: Path) -> Parsed:
    return Parsed(page(read_story(folder)))


def test_hostile_names_are_text(tmp_path: Path) -> None:
    names = HOSTILE[:4]
    data = {
        "source": HOSTILE[0],
        "classes": names,
        "splits": {"train": {"rows": 40}, HOSTILE[0]: {"rows": 1}},
        "quarantined": [{"path": f"{name}.png", "reason": name} for name in names],
        "facts": {
            "counts": {"train": dict.fromkeys(names, 10), "valid": {}},
            "duplicates": {"groups": 1, "extra": 1, "conflicts": 1, "shown": [names], "conflicts_shown": [names]},
        },
        "notes": HOSTILE,
    }
    recipe = {"why": HOSTILE[0], "recipe": {"model": {"name": HOSTILE[0]}}, "changed": [f'model: "{HOSTILE[0]}" -> 1']}
    scores = {"valid_loss": 0.5, f"valid_{HOSTILE[0]}": 1.0}
    verdict = {"finished": True, "healthy": False, "words": HOSTILE[1], "scores": scores}
    found = parsed(
        run_folder(
            tmp_path,
            {"kind": "note", "text": HOSTILE[0]},
            {"kind": "check", "probe": HOSTILE[0], "ok": False, "message": HOSTILE[0], "advice": HOSTILE[1]},
            data=data,
            recipe=recipe,
            findings={"findings": [FINDING], "verdict": verdict},
            environment={"command": ["trainwell", "fit", HOSTILE[0]], "packages": {HOSTILE[0]: "1"}},
        )
    )
    assert found.tags.count("script") == len(SCRIPTS)
    assert "img" not in found.tags and not any(name.startswith("on") for name, _ in found.attributes)
    for name in HOSTILE:
        assert name in found.text


def test_a_finding_has_its_evidence_and_its_fix_beside_it(tmp_path: Path) -> None:
    found = parsed(
        run_folder(tmp_path, findings={"findings": [FINDING], "verdict": {"finished": True, "healthy": False}})
    )
    for text in ("Not healthy", "error", "0.5098", "(100 in all)", "rate lr=0.01", "right in 82% of programs", "flat"):
        assert text in found.text, text


def test_a_run_that_has_only_begun_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text('{"format": 1}')
    assert "Stopped before its end" in parsed(tmp_path).text


def test_structure(tmp_path: Path) -> None:
    found = parsed(run_folder(tmp_path, data={"classes": ["a"], "splits": {}}, environment={"cpu": "one"}))
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in found.values("href") if link and link.startswith("#")} <= set(ids)
    levels = [int(tag[1]) for tag in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    for tag in ("header", "nav", "main", "footer"):
        assert found.tags.count(tag) == 1
    assert not [
        link
        for link in [*found.values("src"), *found.values("href")]
        if link and link[0] != "#" and link[:5] != "data:"
    ]


def test_many_classes_are_shown_by_size(tmp_path: Path) -> None:
    names = [f"class {n}" for n in range(300)]
    counts = {"train": {name: n for n, name in enumerate(names)}}
    found = parsed(run_folder(tmp_path, data={"classes": names, "splits": {}, "facts": {"counts": counts}}))
    assert "280 more classes" in found.text
    assert found.text.index("class 299") < found.text.index("class 280") < found.text.index("more classes")


def test_what_was_changed_in_the_recipe(tmp_path: Path) -> None:
    changed = ['model: {"name": "mlp", "width": 64} -> {"name": "mlp", "width": 8}', "epochs: 40.0 -> 3.0"]
    recipe = {"changed": changed, "recipe": {"epochs": 3.0}}
    found = parsed(run_folder(tmp_path, recipe=recipe))
    assert re.search(r"model\.width\s*64\s*8\b", found.text) and re.search(r"epochs\s*40\s*3\b", found.text)


@pytest.mark.slow
def test_a_million_lines(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, data={"classes": ["a"], "splits": {}})
    layers = [f"{kind}.layer{n}" for kind in ("dead_units", "gradient_flow") for n in range(6)]
    with open(folder / "record.jsonl", "w") as file:
        for step in range(1_000_000):
            if step % 1000 == 999:
                line = f'{{"kind": "epoch", "epoch": {step / 1000}, "step": {step}, "valid_loss": {1 / (1 + step)}}}'
            else:
                values = ", ".join(f'"{name}": {(step * 37 % 101) / 101}' for name in layers)
                loss = 12_300.0 if step == 654_321 else 1 / (1 + step)
                line = f'{{"kind": "measure", "step": {step}, "lr": 0.1, "loss": {loss}, {values}}}'
            file.write(line + "\n")
    before = time.process_time()
    html = page(read_story(folder))
    assert time.process_time() - before < 20
    assert len(html.encode()) < 6e6
    assert "12,300" in html  # the one spike is to be seen


def test_the_command_that_repeats_a_run(tmp_path: Path) -> None:
    asked = {"precision": "auto", "layout": "contiguous", "threads": None, "optimizer": {"name": "sgd", "lr": 0.1}}
    resolved = asked | {"precision": "bf16", "threads": 2, "optimizer": {"name": "sgd", "lr": 0.25}}
    command = ["/usr/bin/trainwell", "fit", "my photos/$HOME", "--out", "a b", "--force", "--out=c", "epochs=3"]
    folder = run_folder(tmp_path, environment={"command": command}, recipe={"requested": asked, "recipe": resolved})
    assert repeat(read_story(folder))[1] == (
        "trainwell fit 'my photos/$HOME' epochs=3 precision=bf16 threads=2 optimizer.lr=0.25"
    )
    folder = run_folder(
        tmp_path, environment={"command": ["train.py"]}, recipe={"requested": asked, "recipe": resolved}
    )
    compile(repeat(read_story(folder))[1], "repeat", "exec")
