"""The section on rates: what was tried, what it led to, and what was taken."""

from pathlib import Path
from typing import Any

from trainwell.report.sections.rates import rates
from trainwell.report.story import read_story

from .drawn import charts, folder, texts

RAMP: dict[str, Any] = {
    "kind": "rate", "probe": "rate_range", "ok": True, "message": "loss falls", "advice": "", "low": 0.01, "high": 0.1,
    "suggestion": 0.05, "diverges": 1.0, "rates": [0.001, 0.01, 0.1, 1.0, 10.0], "losses": [2.0, 1.8, 1.0, 90.0, None],
    "smoothed": [2.0, 1.9, 1.5, 50.0, None], "recipe": 0.1, "chosen": 0.1,
}  # fmt: skip
INTERVAL: dict[str, Any] = {
    "kind": "rate", "probe": "rate_interval", "ok": True, "message": "train at 0.02", "advice": "Go on.", "low": 0.01,
    "high": 0.03, "suggestion": 0.02, "rates": [0.001, 0.01, 0.1, 0.01], "shares": [0.1, 0.1, 0.1, 0.2],
    "losses": [1.0, 0.5, None, 0.3], "start": 1.1, "verdict": "found", "spread": 1.1, "cost": 2.0,
}  # fmt: skip


def test_the_range_test_of_a_run(tmp_path: Path) -> None:
    section = rates(read_story(folder(tmp_path / "run", [RAMP | {"message": "an earlier one"}, RAMP])))
    assert section is not None
    assert section.words == "Loss falls."
    (panel,) = charts(section.html)["Loss by learning rate"]
    assert [one["name"] for one in panel["series"]] == ["of each step", "smoothed"]
    assert texts(panel["series"][0]["v"]) == ["2", "1.8", "1", "90"]
    top = panel["box"][1]
    assert panel["series"][0]["y"][3] == top < panel["series"][0]["y"][0]  # what runs away does not set the axis
    for words in ("suggested", "recipe = chosen", "diverges"):
        assert f">{words}<" in section.html
    assert "Shaded: where the loss falls, 0.01 to 0.1. Taken: 0.1, the recipe&#39;s own." in section.html


def test_the_rates_of_a_study_by_the_length_of_their_trainings(tmp_path: Path) -> None:
    section = rates(read_story(folder(tmp_path / "run", [INTERVAL])))
    assert section is not None
    assert section.words == "Train at 0.02. Go on."
    (panel,) = charts(section.html)["Loss at the end, by learning rate"]
    assert [(one["name"], texts(one["v"])) for one in panel["series"]] == [
        ("10% of the steps", ["1", "0.5"]),
        ("20% of the steps", ["0.3"]),
    ]
    assert ">before training<" in section.html
    wild = INTERVAL | {
        "rates": [*INTERVAL["rates"], 0.02],
        "shares": [*INTERVAL["shares"], 0.2],
        "losses": [1.0, 0.5, None, 0.3, 9.0],
    }
    section = rates(read_story(folder(tmp_path / "wild", [wild])))
    assert section is not None
    (same,) = charts(section.html)["Loss at the end, by learning rate"]
    assert same["series"][0]["y"] == panel["series"][0]["y"]  # what ends far above its beginning does not set the axis


def test_no_rates_no_section(tmp_path: Path) -> None:
    assert rates(read_story(folder(tmp_path / "run", []))) is None
    empty = RAMP | {"rates": [], "losses": [], "smoothed": []}
    assert rates(read_story(folder(tmp_path / "empty", [empty]))) is None
