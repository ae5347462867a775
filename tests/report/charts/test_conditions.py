"""Layers by time as colours: what is bad is strong, and stays when columns stand for many looks."""

import re
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from trainwell.report.charts.conditions import Shade, conditions
from trainwell.report.charts.svg import shortened

from ..drawn import read, texts


def draw(values: np.ndarray, shade: Shade = Shade(limit=0.7), **changes: object) -> str:  # noqa: B008
    rows = [f"block{n}.act" for n in range(len(values))]
    given = {"rows": rows, "times": list(range(values.shape[1])), "x_label": "epoch", "value_label": "share"}
    return conditions("t", "d", values, shade=shade, **(given | changes))  # type: ignore[arg-type]


def test_strength_goes_by_shares_and_by_decades() -> None:
    assert Shade().strength(np.array([0.0, 0.5, 2.0])).tolist() == [0.0, 0.5, 1.0]
    factors = Shade(100.0, factor=True).strength(np.array([0.0, 1e-4, 0.1, 1.0, 10.0, 1e9]))
    assert factors == pytest.approx([-1, -1, -0.5, 0, 0.5, 1])
    assert np.isnan(Shade(100.0, factor=True).strength(np.array([np.nan]))).all()


def test_a_short_spell_is_seen_among_many_looks() -> None:
    values = np.full((2, 6000), 0.01)
    values[1, 3210] = 0.93
    (panel,) = read(draw(values))
    told = texts(panel["series"][1]["v"])
    assert len(told) <= 60 and told.count("0.93") == 1
    place = told.index("0.93")
    low, high = (float(v.replace(",", "")) for v in texts(panel["t"])[place].split(" to "))
    assert low <= 3210 <= high
    assert set(texts(panel["series"][0]["v"])) == {"0.01"}


def test_the_strongest_colour_is_for_what_is_dead_and_nothing_for_what_is_not_known() -> None:
    svg = draw(np.array([[0.0, 0.0], [1.0, np.nan]]))
    body = svg[svg.index("crispEdges") - 400 :]
    cells = re.findall(r'<path d="([^"]+)" fill="color-mix\(in oklab,var\((--tw-h\d)\) (\d+)%', body)
    assert [(name, share) for _, name, share in cells] == [("--tw-h0", "100"), ("--tw-h2", "0")]
    assert [path.count("M") for path, _, _ in cells] == [1, 1]  # neighbours of one colour are one piece
    assert texts(read(svg)[0]["series"][1]["v"]) == ["1", "–"]


@pytest.mark.parametrize("layers", [1, 54, 155])
def test_any_number_of_layers_is_well_formed_and_stays_within_the_drawing(layers: int) -> None:
    rows = ["</text><script>x</script>" + "y" * 90, *(f"layer{n}.conv" for n in range(layers - 1))]
    svg = draw(np.random.default_rng(0).random((layers, 7)), rows=rows, flagged={0})
    root = Xml.fromstring(svg)
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    height = float(root.attrib["viewBox"].split()[3])
    assert height < 1100  # of 155 layers too
    assert all(0 <= float(y) <= height for y in re.findall(r'\by="([-\d.]+)"', svg))
    assert read(svg)[0]["series"][0]["name"] == rows[0]  # whole, though the picture shortens it
    assert "! &lt;/" in svg


def test_long_names_are_shortened_in_the_middle() -> None:
    assert shortened("short", 100) == "short"
    name = shortened("encoder.layers.11.attention.output.dense", 100)
    assert name.startswith("enc") and name.endswith("t.dense") and "…" in name and len(name) <= 14
