"""The trials of a study, from its record; and the heads of a transfer."""

import json
import re
import xml.etree.ElementTree as Xml
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from trainwell.report.sections.stages import stages
from trainwell.report.sections.trials import trials
from trainwell.report.story import Story, read_story
from trainwell.report.trial_charts import parallel_chart, scatter_chart
from trainwell.report.trials import read_trials

RATE = {"kind": "range", "name": "lr", "key": "optimizer.lr", "low": 1e-3, "high": 1.0, "log": True, "when": None}
DECAY = RATE | {"name": "decay", "key": "optimizer.weight_decay", "low": 1e-5, "high": 1e-2}
NORM = {"kind": "choice", "name": "norm", "key": "model.norm", "values": ["none", "batch"], "own": "none", "when": None}
CHANGE = {"kind": "choice", "name": "change", "key": "", "values": ["x"], "own": None, "when": None}
RECIPE = {
    "optimizer": {"name": "sgd", "lr": 0.01, "weight_decay": 1e-3},
    "model": {"name": "mlp", "norm": {"name": "none"}, "widths": [8, 8]},
}


def stage(name: str, space: list[dict[str, Any]], start: int, seeds: list[int]) -> dict[str, Any]:
    return {"kind": "stage", "name": name, "space": space, "start": start, "seeds": seeds}


def asked(stage: str, number: int, **settings: Any) -> dict[str, Any]:
    return {"kind": "asked", "stage": stage, "number": number, "settings": settings}


def trial(stage: str, number: int, edits: list[str], value: float | None, **more: Any) -> dict[str, Any]:
    state = "complete" if value is not None else "diverged"
    scores = [] if value is None else [[1, 1.0, value, 0.3, 0.4]]
    line = {"stage": stage, "number": number, "edits": edits, "value": value, "state": state, "scores": scores}
    return {"kind": "trial", **line, "epochs": 1.0, "folds": [], "clock": float(number), **more}


COARSE = [
    stage("coarse-1", [RATE, DECAY, NORM], 0, [0]),
    asked("coarse-1", 0, lr=0.01, decay=1e-3, norm="none"),
    asked("coarse-1", 1, lr=0.1, decay=1e-4, norm="batch"),
    asked("coarse-1", 2, lr=1.0, decay=1e-4, norm="batch"),
    trial("coarse-1", 0, [], 0.5),
    trial("coarse-1", 1, ["optimizer.lr=0.1", "optimizer.weight_decay=1e-4", "model.norm=batch"], 0.9),
    trial("coarse-1", 2, ["optimizer.lr=1", "optimizer.weight_decay=1e-4", "model.norm=batch"], None),
]
FINAL = [
    stage("final-1", [RATE, DECAY, NORM], 3, [0, 1]),
    asked("final-1", 3, lr=0.1, decay=1e-4, norm="batch"),
    trial("final-1", 3, ["optimizer.lr=0.1", "optimizer.weight_decay=1e-4"], 0.8, epochs=4.0),
    trial("final-1", 4, ["optimizer.lr=0.1", "optimizer.weight_decay=1e-4"], 0.9, epochs=4.0),
]


def study(path: Path, lines: list[dict[str, Any]], metric: str = "valid_accuracy", winner: int | None = None) -> Story:
    path.mkdir(exist_ok=True)
    contents: dict[str, Any] = {"study.json": {"metric": metric, "recipe": RECIPE, "request": {}, "budget": {}}}
    if winner is not None:
        contents["summary.json"] = {"winner": {"number": winner}, "importances": None, "mattered": "<too few>"}
    for name, content in contents.items():
        (path / name).write_text(json.dumps({"format": 1, **content}))
    (path / "record.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_story(path)


def marks(svg: str, kind: str) -> list[Xml.Element]:
    """Circles or squares of trials, or crosses, without rings."""
    found = Xml.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{kind}")
    return [one for one in found if "stroke-width:.7" in one.get("style", "") or one.get("stroke") == "var(--tw-quiet)"]


def rings(svg: str) -> list[Xml.Element]:
    return [one for one in Xml.fromstring(svg).iter("{http://www.w3.org/2000/svg}circle") if one.get("class") == "s2"]


def test_trials_are_put_together(tmp_path: Path) -> None:
    found = read_trials(study(tmp_path, [*COARSE, *FINAL], winner=3))
    own, better, diverged, final = found.trials
    assert own.values == {"optimizer.lr": 0.01, "optimizer.weight_decay": 1e-3, "model.norm": "none"}
    assert (own.shade, better.shade, diverged.shade, final.shade) == (0.0, 1.0, None, 1.0)
    assert diverged.state == "diverged" and diverged.score is None
    assert final.score == pytest.approx(0.85) and final.spread == pytest.approx(0.0707, abs=1e-4)
    assert [one.number for one in found.better_first(found.trials)] == [1, 3, 0]
    assert found.winner == 3


def test_of_a_trial_the_loss_at_its_best_and_the_time_of_its_last_seed(tmp_path: Path) -> None:
    scores = [[1, 1.0, 0.7, 0.1, 0.6], [2, 2.0, 0.8, 0.1, 0.5], [3, 3.0, 0.8, 0.1, 0.4], [4, 4.0, 0.75, 0.1, 0.2]]
    found = read_trials(study(tmp_path, [*COARSE, *FINAL[:2], FINAL[2] | {"scores": scores}, FINAL[3]]))
    final = found.trials[-1]
    assert final.valid_loss == pytest.approx((0.4 + 0.4) / 2)  # of equal scores the lowest loss; the other seed has 0.4
    assert final.seconds == 4.0


def test_the_best_so_far_falls_where_a_loss_is_better(tmp_path: Path) -> None:
    lines = [line | ({"value": -line["value"]} if line.get("value") else {}) for line in [*COARSE, *FINAL]]
    section = trials(study(tmp_path, lines, metric="valid_loss"))
    assert section is not None and "from 0.5 to 0.5 in " in section.html
    section = trials(study(tmp_path, [*COARSE, *FINAL]))
    assert section is not None and "from 0.5 to 0.9 in " in section.html


def test_the_stages_of_a_study_have_their_marks(tmp_path: Path) -> None:
    more = {"count": 1, "why": "over <two> seeds"}
    lines = [COARSE[0] | {"count": 3, "why": "w"}, *COARSE[1:], FINAL[0] | more, *FINAL[1:3]]
    section = stages(study(tmp_path / "stopped", lines))
    assert section is not None and "over &lt;two&gt; seeds" in section.html
    words = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", str(section.html)))
    assert "coarse-1 · done 3 of 3 trainings." in words
    assert "final-1 · stopped 1 of 2 trainings." in words
    section = stages(study(tmp_path / "cut", [*lines, {"kind": "cut", "stage": "final-1"}]))
    assert section is not None and "cut short" in section.html
    section = stages(study(tmp_path / "done", [*lines, FINAL[3]]))
    assert section is not None and section.html.count("· done") == 2


def test_a_trial_under_way_is_left_out(tmp_path: Path) -> None:
    found = read_trials(study(tmp_path, [*COARSE, *FINAL[:3]]))  # the second seed is still to come
    assert [one.number for one in found.trials] == [0, 1, 2] and found.winner is None


def test_a_loss_has_its_sign_back(tmp_path: Path) -> None:
    lines = [line | ({"value": -line["value"]} if line.get("value") else {}) for line in COARSE]
    found = read_trials(study(tmp_path, lines, metric="valid_loss"))
    assert [one.score for one in found.trials] == [0.5, 0.9, None]
    assert [one.shade for one in found.trials] == [1.0, 0.0, None]


def test_a_change_has_the_recipes_other_settings(tmp_path: Path) -> None:
    edits = ["model.norm=layer", "optimizer.lr=0.1"]
    again = [stage("again-2", [CHANGE], 3, [0]), asked("again-2", 3, change="x"), trial("again-2", 3, edits, 0.95)]
    found = read_trials(study(tmp_path, [*COARSE, *again], winner=3))
    assert found.trials[-1].values == {"optimizer.lr": 0.1, "optimizer.weight_decay": 1e-3, "model.norm": "layer"}
    assert next(one for one in found.settings if one.key == "model.norm").choices == ("none", "batch", "layer")
    other = [trial("again-2", 3, ["optimizer=adamw"], 0.95)]
    found = read_trials(study(tmp_path, [*COARSE, *again[:2], *other]))
    assert found.trials[-1].values["optimizer.lr"] is None  # it has a default of its own


def test_rate_by_decay(tmp_path: Path) -> None:
    svg = scatter_chart(read_trials(study(tmp_path, COARSE, winner=1)))
    assert svg is not None
    assert [len(marks(svg, kind)) for kind in ("circle", "rect", "path")] == [1, 1, 1]
    trial, own, ring = marks(svg, "circle")[0], marks(svg, "rect")[0], rings(svg)[0]
    assert (trial.get("cx"), trial.get("cy")) == (ring.get("cx"), ring.get("cy"))
    assert float(own.get("x", "0")) < float(trial.get("cx", "0"))  # a lower rate lies to the left
    read = json.loads(Xml.fromstring(svg).get("data-read", ""))
    assert "valid_accuracy 0.9" in read[0]["series"][0]["v"] and "diverged" in read[0]["series"][0]["v"]


def test_one_range_is_drawn_against_the_score(tmp_path: Path) -> None:
    lines = [COARSE[0] | {"space": [RATE]}, *COARSE[1:]]
    svg = scatter_chart(read_trials(study(tmp_path, lines, winner=1)))
    assert svg is not None and ">valid_accuracy</text>" in svg
    assert [len(marks(svg, kind)) for kind in ("circle", "rect", "path")] == [1, 1, 1]


def test_without_rate_and_decay_what_matters_most_is_drawn(tmp_path: Path) -> None:
    ranges = [RATE | {"name": key, "key": key, "log": False} for key in ("epochs", "batch_size", "patience")]
    settings = {"epochs": 2, "batch_size": 8, "patience": 3}
    lines = [
        stage("coarse-1", ranges, 0, [0]),
        asked("coarse-1", 0, **settings),
        trial("coarse-1", 0, ["epochs=2"], 0.5),
    ]
    svg = scatter_chart(read_trials(study(tmp_path, lines)), {"patience": 0.6, "batch_size": 0.3, "epochs": 0.1})
    assert svg is not None and ">patience</text>" in svg and ">batch_size</text>" in svg and ">epochs</text>" not in svg


def test_values_without_a_place_are_left_out(tmp_path: Path) -> None:
    nought = [
        asked("coarse-1", 3, lr=0.1, decay=0.0, norm="none"),
        trial("coarse-1", 3, ["optimizer.weight_decay=0"], 0.7),
    ]
    svg = scatter_chart(read_trials(study(tmp_path, [*COARSE, *nought])))
    assert svg is not None and "3 trials" in svg


def test_no_scatter_without_a_range(tmp_path: Path) -> None:
    lines = [COARSE[0] | {"space": [NORM]}, *COARSE[1:]]
    found = read_trials(study(tmp_path, lines))
    assert scatter_chart(found) is None and parallel_chart(found) is not None


def test_parallel_coordinates(tmp_path: Path) -> None:
    svg = parallel_chart(read_trials(study(tmp_path, COARSE, winner=1)))
    assert svg is not None
    for name in ("optimizer.lr", "optimizer.weight_decay", "model.norm", "valid_accuracy", "none", "batch"):
        assert f">{name}</text>" in svg
    paths = list(Xml.fromstring(svg).iter("{http://www.w3.org/2000/svg}path"))
    best = [one.get("d", "") for one in paths if one.get("class") == "s2"]
    others = [one.get("d", "") for one in paths if "color-mix" in one.get("style", "")]
    assert len(best) == len(others) == 1 and best[0].count("L") == 3  # four axes; what diverged has no line
    assert paths.index(next(one for one in paths if one.get("class") == "s2")) > paths.index(
        next(one for one in paths if "color-mix" in one.get("style", ""))
    )


def test_section_of_a_study(tmp_path: Path) -> None:
    section = trials(study(tmp_path / "done", [*COARSE, *FINAL], winner=3))
    assert section is not None and section.words.startswith("4 trials: 3 complete, 1 diverged. The winner, trial 3,")
    html = str(section.html)
    assert "&lt;too few&gt;" in html and html.count("<svg") == 3
    assert re.findall(r'<tbody class="pair"><tr><th scope="row">(.+?)<', html) == ["3 (winner)", "1", "0", "2"]
    assert trials(study(tmp_path / "begun", COARSE[:4])) is None
    failed = trials(study(tmp_path / "failed", [*COARSE[:4], COARSE[-1]]))
    assert failed is not None and failed.html.count("<svg") == 1 and ">diverged</td>" in failed.html


def test_heads_of_a_transfer(tmp_path: Path) -> None:
    heads = [
        {"kind": "trial", "stage": "head", "number": n, "chosen": n == 3, "lr": lr, "weight_decay": decay, "seed": seed,
         "valid_accuracy": score, "valid_loss": 1.0}
        for n, (lr, decay, seed, score) in enumerate(
            [(0.1, 0.0, 0, 0.5), (0.1, 0.0, 1, 0.7), (1.0, 0.0, 0, 0.8), (1.0, 1e-4, 0, 0.9), (0.1, 1e-4, 0, None)]
        )
    ]  # fmt: skip
    (tmp_path / "recipe.json").write_text(json.dumps({"format": 1, "recipe": {"monitor": "auto", "balance": "none"}}))
    (tmp_path / "record.jsonl").write_text("".join(json.dumps(line) + "\n" for line in heads))
    section = trials(read_story(tmp_path))
    assert section is not None and "lr=1 and weight_decay=0.0001: validation accuracy 0.9." in section.words
    read = json.loads(unescape(re.findall(r'data-read="(.+?)"', str(section.html))[0]))[0]
    assert [row["v"] for row in read["series"]] == ["0.600|0.800", "–|0.900"]
    (tmp_path / "record.jsonl").write_text(json.dumps(heads[0] | {"folds_accuracy": 0.4}) + "\n")
    folds = trials(read_story(tmp_path))
    assert folds is not None and "by rate and decay" in folds.html and ">0.400</text>" in folds.html


def test_a_run_has_no_trials(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps({"format": 1, "recipe": {}}))
    assert trials(read_story(tmp_path)) is None
