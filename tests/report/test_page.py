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


def test_what_one_command_does_not_repeat_is_said(tmp_path: Path) -> None:
    environment = {"command": ["trainwell", "fit", "iris", "epochs=2"]}
    folder = run_folder(tmp_path, environment=environment, recipe={"segments": [2.0, 5.0]})
    assert "given more epochs" in repeat(read_story(folder))[0] and "epochs=5." in repeat(read_story(folder))[0]
    folder = run_folder(tmp_path, environment=environment, recipe={"segments": [2.0]})
    assert "more epochs" not in repeat(read_story(folder))[0]
    folder = run_folder(tmp_path, environment={"command": ["train.py"]}, recipe={"source": {"text": "runs/1"}})
    command = repeat(read_story(folder))[1]
    compile(command, "repeat", "exec")
    assert "tw.finetune(DATA, SOURCE, EDITS)" in command and "tw.fit" not in command


def test_ways_that_were_timed_with_a_part_of_a_batch(tmp_path: Path) -> None:
    timed = {"fp32/contiguous/2t": 0.2, "bf16/contiguous/2t": 0.1}
    taken = {
        "precision": "bf16",
        "layout": "contiguous",
        "threads": 2,
        "step_seconds": 0.8,
        "gain": 2.0,
        "timed": timed,
    }
    found = parsed(run_folder(tmp_path, recipe={"recipe": {"batch_size": 1024}, "calibration": taken}))
    assert "A step takes 800 ms. Timed with 128 of its 1,024 samples. The way taken is 2.00 times" in found.text
    plain = taken | {"precision": "fp32", "step_seconds": 0.2, "gain": 1.0}
    found = parsed(run_folder(tmp_path, recipe={"recipe": {"batch_size": 128}, "calibration": plain}))
    assert "A step takes 200 ms. The plain way was kept" in found.text


def test_a_finished_run_without_its_record_does_not_contradict_itself(tmp_path: Path) -> None:
    verdict = {"finished": True, "healthy": True, "words": "healthy: 1.0", "kept_epoch": 3.0}
    found = parsed(run_folder(tmp_path, findings={"findings": [], "verdict": verdict}))
    assert "The record has nothing of it." in found.text and "has not come so far" not in found.text
    assert "Weights were kept, but the record has no epoch." in found.text


def test_a_study_that_its_checks_stopped_says_why(tmp_path: Path) -> None:
    line = {"kind": "finding", "problem": "bad-labels", "severity": "error", "message": "Shuffled.", "evidence": {}}
    found = parsed(run_folder(tmp_path, line, study={"metric": "valid_loss", "request": {}}))
    assert "Stopped before its end, and 1 error already found" in found.text and "Shuffled." in found.text


def test_one_duplicate_is_told_of_one(tmp_path: Path) -> None:
    same = {"groups": 1, "extra": 1, "conflicts": 1, "shown": []}
    found = parsed(run_folder(tmp_path, data={"classes": ["a"], "splits": {}, "facts": {"duplicates": same}}))
    assert "1 sample comes more than once (1 beyond the first)." in found.text
    assert "1 stands under more than one class" in found.text


def test_the_data_and_the_scores_in_numbers(tmp_path: Path) -> None:
    data = {
        "classes": ["a", "b"],
        "shape": [50, 8, 6, 3],
        "splits": {"train": {"rows": 30}},
        "facts": {"counts": {"train": {"a": 20, "b": 10}}},
    }
    verdict = {"finished": True, "healthy": True, "scores": {"valid_accuracy": 0.98765, "valid_r2": 0.5}}
    html = page(read_story(run_folder(tmp_path, data=data, findings={"findings": [], "verdict": verdict})))
    assert "<dd>8 x 6 x 3</dd>" in html
    assert 'style="width:100%"' in html and 'style="width:50%"' in html
    assert ">98.77%<" in html and ">R²<" in html
