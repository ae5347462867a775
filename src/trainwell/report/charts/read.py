"""What can be read off a chart: places and texts, as JSON that `report/static/script.js` knows.

A panel has its `box` (left, top, right, bottom), its `kind` and its `series`, in the units of the drawing:

- `lines`: a hair line moves from place to place across; each series tells its value there.
- `cells`: a table; `x` and `t` are the places and names of its columns, `cell` the size of a cell, and `value` what the
  numbers are; each series is a row.
- `points`: each by itself, along its series.

A series has its name, the places `x` and `y` of its points, what stands across there (`t`) and its values (`v`), both
joined to one string each. What all series of a panel have in common stands in the panel.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainwell.report.charts.frame import Box
from trainwell.report.charts.scale import Scale, short_text
from trainwell.report.thin import thin

Values = Sequence[float | None]
MOST = 400  # points of a series
_BETWEEN = "|"


def line_series(
    name: str,
    number_of_colour: int,
    scales: tuple[Scale, Scale],
    points: tuple[Values, Values],
    band: tuple[Values, Values] | None = None,
) -> dict[str, Any]:
    """A curve; of many points those that show its form.

    Args:
        name: Of it.
        number_of_colour: From 1.
        scales: Across and upwards.
        points: Values across and upwards.
        band: Lower and upper values around it.
    """
    x, y = scales
    across, upwards = (_array(values) for values in points)
    shown = np.array([x.shows(v) for v in across], bool) & ~np.isnan(upwards)
    if y.log:
        shown &= upwards > 0
    where = np.flatnonzero(shown)
    where = thin(where.astype(float), upwards[where], MOST)[0].astype(int)
    texts = [short_text(v) for v in upwards[where]]
    if band is not None:
        ends = zip(*(_array(values)[where] for values in band), strict=True)
        texts = [f"{text} ({short_text(a)} to {short_text(b)})" for text, (a, b) in zip(texts, ends, strict=True)]
    return {
        "name": name,
        "colour": number_of_colour,
        "x": [rounded(x(v)) for v in across[where]],
        "t": joined([short_text(v) for v in across[where]]),
        "y": [rounded(y(min(max(v, y.low), y.high))) for v in upwards[where]],
        "v": joined(texts),
    }


def panel(kind: str, box: Box, label: str, series: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A panel of curves or of points.

    Args:
        kind: `lines` or `points`.
        box: Where it stands.
        label: What goes across.
        series: What it holds.
    """
    rest = [dict(one) for one in series if one["x"]]
    common: dict[str, Any] = {}
    for key in ("x", "t"):
        if len(rest) > 1 and all(one[key] == rest[0][key] for one in rest):
            common[key] = rest[0][key]
            for one in rest:
                del one[key]
    return {"kind": kind, "box": _places(box), "label": label, **common, "series": rest}


def cells(
    box: Box,
    columns: Sequence[tuple[float, str]],
    rows: Sequence[tuple[float, str, Sequence[str]]],
    size: tuple[float, float],
    *,
    label: str = "",
    value: str = "",
) -> dict[str, Any]:
    """A table.

    Args:
        box: Where it stands.
        columns: Middle and name of each column.
        rows: Middle and name of each row, and the texts of its cells.
        size: Width and height of a cell.
        label: What the columns are.
        value: What the numbers are.
    """
    return {
        "kind": "cells",
        "box": _places(box),
        "label": label,
        "value": value,
        "cell": [rounded(v) for v in size],
        "x": [rounded(middle) for middle, _ in columns],
        "t": joined([name for _, name in columns]),
        "series": [{"name": name, "y": rounded(middle), "v": joined(texts)} for middle, name, texts in rows],
    }


def joined(texts: Sequence[str]) -> str | list[str]:
    """Texts in one string, which is shorter; a list where one of them holds what stands between them."""
    return list(texts) if any(_BETWEEN in text for text in texts) else _BETWEEN.join(texts)


def _array(values: Values) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], float)


def _places(box: Box) -> list[float]:
    return [rounded(v) for v in (box.left, box.top, box.right, box.bottom)]


def rounded(value: float) -> float:
    """A place to a tenth of a unit, as short as it can be."""
    place = round(float(value), 1)
    return int(place) if place.is_integer() else place
