"""The section on predictions: the confusion of classes, calibration, and what a regression leaves over."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

from trainwell.report.charts.matrix import matrix
from trainwell.report.sections.confusion import confusion
from trainwell.report.story import Story, read_story

COUNTS = [[8, 2, 0], [0, 5, 0], [1, 0, 4]]
NAMES = ["<b>", "ant", "{{7*7}}"]


def story_of(path: Path, validation: dict[str, Any] | None) -> Story:
    for name, content in (("recipe.json", {"recipe": {}}), ("validation.json", validation)):
        if content is not None:
            (path / name).write_text(json.dumps({"format": 1, **content}))
    return read_story(path)


def of_classes(counts: list[list[int]], names: list[str]) -> dict[str, Any]:
    columns = list(zip(*counts, strict=True))
    per_class = {
        name: {
            "recall": counts[k][k] / max(1, sum(counts[k])),
            "precision": counts[k][k] / max(1, sum(columns[k])),
            "f1": 0.5,
            "support": sum(counts[k]),
        }
        for k, name in enumerate(names)
    }
    empty = {"from": 0.0, "to": 0.5, "count": 0, "confidence": None, "accuracy": None}
    return {
        "count": sum(map(sum, counts)),
        "task": "classification",
        "classes": names,
        "metrics": {"accuracy": 0.85, "calibration_error": 0.05},
        "confusion": counts,
        "per_class": per_class,
        "calibration": [empty, {"from": 0.5, "to": 1.0, "count": 20, "confidence": 0.9, "accuracy": 0.85}],
        "worst": [],
    }


def test_a_run_without_answers_has_no_such_section(tmp_path: Path) -> None:
    assert confusion(story_of(tmp_path, None)) is None


def test_classes(tmp_path: Path) -> None:
    section = confusion(story_of(tmp_path, of_classes(COUNTS, NAMES)))
    assert section is not None
    assert section.words.startswith("17 of 20 validation samples are right (85.0%).")
    assert "<b> taken for ant, 2 times" in section.words
    html = str(section.html)
    assert "<b>" not in html and "{{7*7}}" in html
    recalls = re.findall(r'<tr><th scope="row">(.+?)</th><td class="num">(.+?)</td>', html)
    assert [(unescape(name), recall) for name, recall in recalls] == [
        ("<b>", "0.800"),
        ("{{7*7}}", "0.800"),
        ("ant", "1.000"),
    ]
    assert "surer than they are right, by 0.050" in html
    read = json.loads(unescape(re.findall(r'data-read="(.+?)"', html)[0]))[0]
    assert read["kind"] == "cells" and [row["v"] for row in read["series"]] == ["8|2|0", "0|5|0", "1|0|4"]


def test_a_class_without_samples_has_no_recall(tmp_path: Path) -> None:
    section = confusion(story_of(tmp_path, of_classes([[3, 0], [0, 0]], ["a", "b"])))
    assert section is not None and '<th scope="row">b</th><td class="num">–</td>' in str(section.html)


def test_of_many_classes_cells_have_no_numbers() -> None:
    few, many = ([[2 if row == column else 0 for column in range(n)] for row in range(n)] for n in (30, 31))
    assert matrix("t", "d", few, ["class"] * 30).count(">2</text>") == 30
    drawn = matrix("t", "d", many, ["class"] * 31)
    assert ">2</text>" not in drawn and ">30</text>" in drawn and ">class<" not in drawn


def test_shades_go_by_the_share_of_the_row() -> None:
    drawn = matrix("t", "d", [[100, 0], [75, 25]], ["a", "b"])
    opacity = {
        kind: [float(v) for v in re.findall(rf'class="{kind}" opacity="([\d.]+)"', drawn)] for kind in ("f1", "f2")
    }
    assert opacity["f1"] == sorted(opacity["f1"]) and len(opacity["f1"]) == 2 and max(opacity["f1"]) == 0.6
    assert opacity["f2"][0] > opacity["f1"][0]  # 75 % that are wrong beside 25 % that are right


def test_values(tmp_path: Path) -> None:
    about = {"count": 3, "task": "regression", "classes": [], "metrics": {"r2": 0.5, "mae": 1.5}, "worst": []}
    section = confusion(story_of(tmp_path, about | {"points": [[1.0, 2.0], [3.0, 3.0], [5.0, 2.5]]}))
    assert section is not None and section.title == "Predicted against true"
    html = str(section.html)
    assert html.count("<svg") == 2 and "off by −2.5" in html.replace("-2.5", "−2.5")
    heights = [float(mark) for mark in re.findall(r'<circle[^>]* cy="([\d.]+)"', html.split("<svg")[2])]
    assert heights[0] < heights[1] < heights[2]  # predicted above the true value, at it, below it
    two = confusion(story_of(tmp_path, about | {"points": [[[1.0, 2.0], [1.5, 2.5]], [[3.0, 1.0], [3.5, 0.5]]]}))
    assert two is not None and str(two.html).count("<svg") == 4
