"""What can be read off a chart: the values that were given, at the places where they are drawn."""

import math

import numpy as np
import pytest

from trainwell.report.charts.bars import Bar, bars
from trainwell.report.charts.heat_map import heat_map
from trainwell.report.charts.histograms import Column, histograms
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.report.charts.paths import Landscape, Path, paths

from ..drawn import read, texts


def test_lines_tell_their_values_where_they_are_drawn() -> None:
    drawn = lines("t", "d", [
        Panel([Line('a"<b>', [1, 2, 4], [10.0, math.nan, 30.0]), Line("b", [1, 2, 4], [1.0, 2.0, 3.0])], "epoch", "y"),
        Panel([Line("", [1, 2], [0.0, 1e-9], band=([0.0, 1e-10], [1.0, 1e-8]))], "epoch", "loss", log_y=True),
    ])  # fmt: skip
    first, second = read(drawn)
    a, b = first["series"]
    assert (a["name"], a["t"], a["v"]) == ('a"<b>', "1|4", "10|30")
    assert (b["t"], b["v"]) == ("1|2|4", "1|2|3")
    left, top, right, bottom = first["box"]
    assert left < a["x"][0] < a["x"][1] < right and top < a["y"][1] < a["y"][0] < bottom
    assert f"{b['x'][1]} {b['y'][1]}" in drawn  # of the path
    assert [(one["name"], one["t"], one["v"]) for one in second["series"]] == [
        ("loss", "2", "1.0·10⁻⁹ (1.0·10⁻¹⁰ to 1.0·10⁻⁸)")
    ]


def test_what_all_curves_have_in_common_is_told_once() -> None:
    (panel,) = read(lines("t", "d", [Panel([Line("a", [1, 2], [1, 2]), Line("b", [1, 2], [2, 1])], "x", "y")]))
    assert panel["t"] == "1|2" and len(panel["x"]) == 2
    assert all("x" not in one and "t" not in one for one in panel["series"])


def test_many_points_are_thinned_and_their_extremes_stay() -> None:
    values = np.random.default_rng(0).random(5000)
    values[1234], values[4321] = 9.0, -9.0
    (panel,) = read(lines("t", "d", [Panel([Line("a", list(range(5000)), values.tolist())], "x", "y")]))
    told = texts(panel["series"][0]["v"])
    assert len(told) == len(panel["series"][0]["x"]) <= 400
    assert {"9", "−9"} <= set(told)


@pytest.mark.parametrize(
    ("svg", "columns", "rows"),
    [
        (heat_map("t", "d", [[0.5, None]], rows=["cat"], columns=["a|b", "c"], x_label="said", y_label="true"),
         ["a|b", "c"], [("true cat", ["0.5", "–"])]),
        (bars("t", "d", [Bar("one", 2.0, (1.0, 3.0)), Bar("none", None)], x_label="x"),
         [""], [("one", ["2 (1 to 3)"]), ("none", [""])]),
        (histograms("t", "d", [Column("he", [[0.25, 0.75]], (-1.0, 1.0))], ["1"], row_label="layer"),
         ["he"], [("layer 1", ["75% at 0 to 1"])]),
    ],
    ids=["heat map", "bars", "histograms"],
)  # fmt: skip
def test_tables_tell_their_cells(svg: str, columns: list[str], rows: list[tuple[str, list[str]]]) -> None:
    (panel,) = read(svg)
    assert panel["kind"] == "cells"
    assert texts(panel["t"]) == columns
    assert [(one["name"], texts(one["v"])) for one in panel["series"]] == rows


def test_a_walk_tells_its_steps_until_it_leaves_the_picture() -> None:
    walk = Path("sgd", [0.5, 0.25, 9.0, 0.0], [0.5, 0.25, 9.0, 0.0])
    land = Landscape(np.zeros((3, 3)), (-1.0, 1.0), (-1.0, 1.0), [], [walk], "x", "y")
    (panel,) = read(paths("t", "d", [land]))
    assert panel["series"][0]["t"] == "0|1"
    assert panel["series"][0]["v"] == "(0.5; 0.5)|(0.25; 0.25)"
