"""The section on health: what stands out is marked, by the limits of the diagnoses, and said in words."""

import json
from pathlib import Path
from typing import Any

from trainwell.diagnoses.problems import fitted
from trainwell.report.sections.health import health
from trainwell.report.story import read_story

from .drawn import charts, folder, texts

NAMES = ["first", "<script>", "last"]


def look(step: int, **layers: list[float | None]) -> dict[str, Any]:
    """A measure line with these numbers of the three layers."""
    named = {f"{key}.{name}": v for key, values in layers.items() for name, v in zip(NAMES, values, strict=True)}
    return {"kind": "measure", "step": step, "lr": 0.1, "loss": 1.0, "gradient_norm": 1.0 * step} | named


def test_layers_over_a_limit_are_marked_and_said(tmp_path: Path) -> None:
    limit = fitted()["dead-units"].limits["end"]
    lines = [look(1, dead_units=[1.0, 0.0, 0.0]), look(200, dead_units=[limit - 0.01, limit + 0.01, 0.0])]
    section = health(read_story(folder(tmp_path / "run", lines)))
    assert section is not None
    assert section.words == "3 layers, 2 looks; what stands out is marked and said below."
    assert f"Units that are dead at the last look (limit {limit:.4f}): &lt;script&gt; (72%)." in section.html
    assert "! &lt;script&gt;" in section.html and "! first" not in section.html and "<script>" not in section.html
    assert "grows to 200 times what it was at the first look" in section.html
    (panel,) = charts(section.html)["Dead units"]
    assert [one["name"] for one in panel["series"]] == NAMES  # in the order of the record
    assert texts(panel["series"][0]["v"]) == ["1", "0.702"]


def test_gradients_are_told_beside_the_median_layer(tmp_path: Path) -> None:
    lines = [look(step, gradient_flow=[1e-7, 2.0, 8.0], weight_norm=[1.0 * step, 1.0, 1.0]) for step in (1, 2)]
    section = health(read_story(folder(tmp_path / "run", lines)))
    assert section is not None
    found = charts(section.html)
    assert set(found) == {"Gradient flow", "Weight norm"}
    assert [texts(one["v"]) for one in found["Gradient flow"][0]["series"]] == [["5.0·10⁻⁸"] * 2, ["1"] * 2, ["4"] * 2]
    assert texts(found["Weight norm"][0]["series"][0]["v"]) == ["1", "2"]
    assert "Next to no gradient: first (beside its size 9e-09 times" in section.html  # the median of 1/8e7 and 1/16e7
    lines = [look(1, gradient_flow=[1.0, 0.0, None])]
    section = health(read_story(folder(tmp_path / "other", lines)))
    assert section is not None and "&lt;script&gt; (none at the last look)" in section.html


def test_a_median_layer_without_a_gradient(tmp_path: Path) -> None:
    section = health(read_story(folder(tmp_path / "run", [look(1, gradient_flow=[0.0, 0.0, 3.0])])))
    assert section is not None
    (panel,) = charts(section.html)["Gradient flow"]
    assert [one["v"] for one in panel["series"]] == ["0", "0", "inf"]


def test_all_is_well_is_said_too(tmp_path: Path) -> None:
    section = health(read_story(folder(tmp_path / "run", [look(1, saturation=[0.9, 0.5, 0.5])])))
    assert section is not None
    assert section.words == "3 layers, 1 look; the diagnoses mark no layer."
    assert "At the last look from 0.5 (&lt;script&gt;) to 0.9 (first)." in section.html
    section = health(read_story(folder(tmp_path / "alike", [look(1, saturation=[0.5, 0.5, 0.5])])))
    assert section is not None and "At the last look 0.5 in all." in section.html
    assert health(read_story(folder(tmp_path / "none", [look(1)]))) is None


def test_findings_about_layers_stand_here_as_well(tmp_path: Path) -> None:
    finding = {"problem": "vanishing-gradient", "severity": "error", "message": "m", "advice": "", "where": "<i>"}
    run = folder(tmp_path / "run", [look(1, saturation=[0.9, 0.5, 0.5])])
    (run / "findings.json").write_text(json.dumps({"format": 1, "findings": [finding], "verdict": {}}))
    section = health(read_story(run))
    assert section is not None
    assert "vanishing-gradient</a> at <code>&lt;i&gt;</code>: m" in section.html
