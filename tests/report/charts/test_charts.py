"""Charts: well-formed, told in words, with round ticks, and nothing in them that was not put there."""

import math
import re
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from trainwell.report.charts.bars import Bar, bars
from trainwell.report.charts.conditions import Shade, conditions
from trainwell.report.charts.heat_map import heat_map
from trainwell.report.charts.histograms import Column, histograms
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.report.charts.paths import Landscape, Path, contour, paths
from trainwell.report.charts.scale import Scale, short_text, spanning, tick_text

_HOSTILE = '</text><script>alert("1")</script>'
_VALLEY = Landscape(np.add.outer(np.linspace(-2, 2, 21) ** 2, np.linspace(-2, 2, 21) ** 2), (-2.0, 2.0), (-2.0, 2.0),
                    [1.0], [Path(_HOSTILE, [1.0, 0.5, 9.0], [1.0, 0.5, 9.0])], "x", "y", target=(0.0, 0.0))  # fmt: skip
CHARTS = {
    "lines": lines(_HOSTILE, _HOSTILE, [
        Panel([Line(_HOSTILE, [1, 2, 3], [1.0, None, math.nan], band=([0.5, 1, 1], [2, 2, 2]))], _HOSTILE, _HOSTILE,
              _HOSTILE, marks=[(1.5, _HOSTILE)]),
        Panel([Line("", [1, 10, 100], [0.0, 1e-9, 1e9], style="points")], "x", "y", log_x=True, log_y=True),
    ]),
    "bars": bars(_HOSTILE, "d", [Bar(_HOSTILE, 1.0, (0.5, 1.5)), Bar("b", None), Bar("c", -1.0)], x_label="x",
                 mark=(1.0, _HOSTILE)),
    "histograms": histograms(_HOSTILE, "d", [Column(_HOSTILE, [[0.5, 0.5], [0.0, 0.0]], (-1.0, 1.0))], ["1", "2"],
                             row_label=_HOSTILE),
    "heat map": heat_map(_HOSTILE, "d", [[1.0, None]], rows=[_HOSTILE], columns=["a", _HOSTILE], x_label="x",
                         y_label="y"),
    "paths": paths(_HOSTILE, "d", [_VALLEY]),
    "conditions": conditions(_HOSTILE, "d", np.array([[0.5, math.nan], [1e-9, 1e9]]), rows=[_HOSTILE, "b"],
                             times=[1, 2], x_label=_HOSTILE, value_label=_HOSTILE, shade=Shade(10.0, factor=True),
                             flagged={0}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_well_formed_and_told_in_words(name: str) -> None:
    svg = Xml.fromstring(CHARTS[name])
    names = {element.tag.rpartition("}")[2] for element in svg.iter()}
    assert names <= {"svg", "title", "desc", "style", "g", "path", "text", "rect", "circle"}
    told = svg.attrib["aria-labelledby"].split()
    assert [svg.find(f"{{*}}{tag}").attrib["id"] for tag in ("title", "desc")] == told  # type: ignore[union-attr]
    assert svg.findtext("{*}title") == _HOSTILE
    assert "nan" not in CHARTS[name].lower().replace(_HOSTILE, "")


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_is_drawn_outside_the_chart(name: str) -> None:
    width, height = map(float, Xml.fromstring(CHARTS[name]).attrib["viewBox"].split()[2:])
    for place in re.findall(r'(?:c?x|x)="(-?[\d.]+)"', CHARTS[name]):
        assert 0 <= float(place) <= width
    for place in re.findall(r'(?:cy|y)="(-?[\d.]+)"', CHARTS[name]):
        assert 0 <= float(place) <= height


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0.0, 1.0, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3.0, 7.1, False, [-2, 0, 2, 4, 6]),
        (0.013, 0.017, False, [0.013, 0.014, 0.015, 0.016, 0.017]),
        (1e-3, 10.0, True, [1e-3, 1e-2, 0.1, 1, 10]),
        (1e-30, 1.0, True, [1e-30, 1e-24, 1e-18, 1e-12, 1e-6, 1]),
        (2.0, 7.0, True, [2, 5]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, log: bool, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 100, log).ticks() == pytest.approx(ticks)


def test_numbers_as_they_stand_beside_an_axis() -> None:
    assert [tick_text(v) for v in (0, -0.5, 10_000, 1e-5, 2e7, 0.1 + 0.2)] == [
        "0", "−0.5", "10,000", "10⁻⁵", "2·10⁷", "0.3"]  # fmt: skip
    assert [short_text(v) for v in (0.0, 12345.6, 3.14159e-7, -2.0)] == ["0", "12,300", "3.1·10⁻⁷", "−2"]


def test_a_scale_leaves_room_for_what_is_alike_and_for_nothing() -> None:
    assert spanning([2.0, 2.0], 0, 1, span=None)(2.0) == pytest.approx(0.5)
    assert spanning([None, math.nan], 0, 1, span=None).low < spanning([], 0, 1, span=None).high
    assert spanning([0.0, 1e-3, 10.0], 0, 1, log=True, span=None).low > 0


def test_a_contour_of_a_cone_lies_on_its_circle() -> None:
    across = np.linspace(-1, 1, 41)
    pieces = contour(np.hypot(across[None, :], across[:, None]), 0.6)
    radii = [math.hypot(c / 20 - 1, r / 20 - 1) for piece in pieces for c, r in piece]
    assert len(pieces) > 50
    assert radii == pytest.approx([0.6] * len(radii), abs=2e-3)


def test_a_gap_breaks_the_line() -> None:
    drawn = lines("t", "d", [Panel([Line("", [0, 1, 2, 3, 4], [1, 2, None, 2, 1])], "x", "y")])
    assert len(re.findall(r'class="s1"', drawn)) == 2


def test_a_point_by_itself_is_seen() -> None:
    drawn = lines("t", "d", [Panel([Line("", [0, 1, 2, 3], [1, None, 2, 3])], "x", "y")])
    assert len(re.findall(r"<circle[^>]*class=\"f1\"", drawn)) == 1
    assert len(re.findall(r'<path[^>]*class="s1"', drawn)) == 1
