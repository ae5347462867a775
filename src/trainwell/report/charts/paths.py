"""Paths: how something walks over a landscape, drawn over its contours."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainwell.report.charts.frame import BELOW, axes, box
from trainwell.report.charts.read import MOST, joined, panel, rounded
from trainwell.report.charts.scale import Scale, short_text
from trainwell.report.charts.svg import LINE, colour, drawing, element, label, legend, number

_HEIGHT = 230.0


@dataclass(frozen=True)
class Path:
    """A walk.

    Args:
        name: In the legend.
        x: Places across, the start first.
        y: Places upwards, as many.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Landscape:
    """A function of two numbers on a grid, and walks over it.

    Args:
        heights: Its values, (rows, columns): the first row lies at the lowest y.
        x_span: First and last place across.
        y_span: First and last place upwards.
        levels: Heights at which a contour is drawn.
        walks: The walks; what leaves the picture is cut off there.
        x_label: What goes across.
        y_label: What goes upwards.
        title: Stands above it; empty for none.
        target: A place that is marked by a cross; None for none.
    """

    heights: np.ndarray
    x_span: tuple[float, float]
    y_span: tuple[float, float]
    levels: Sequence[float]
    walks: Sequence[Path]
    x_label: str
    y_label: str
    title: str = ""
    target: tuple[float, float] | None = None


def paths(title: str, description: str, landscapes: Sequence[Landscape]) -> str:
    """Draw walks over contours, landscapes below each other.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        landscapes: One or more.
    """
    parts: list[str] = []
    read = []
    top = 0.0
    for landscape in landscapes:
        if landscape.title:
            parts.append(label(landscape.title, 8, top + LINE - 4, kind="heading"))
            top += LINE + 2
        keys, height = legend([(walk.name, colour(n), None) for n, walk in enumerate(landscape.walks)], top)
        where = box(top + height + LINE + 12, _HEIGHT)
        x = Scale(*landscape.x_span, where.left, where.right)
        y = Scale(*landscape.y_span, where.bottom, where.top)
        parts += [*keys, *axes(where, x, y, landscape.x_label, landscape.y_label)]
        rows, columns = landscape.heights.shape
        across = np.linspace(*landscape.x_span, columns)
        upwards = np.linspace(*landscape.y_span, rows)
        for level in landscape.levels:
            found = contour(landscape.heights, level)
            at = [(x(np.interp(c, range(columns), across)), y(np.interp(r, range(rows), upwards)))
                  for segment in found for c, r in segment]  # fmt: skip
            path = "".join(f"{'ML'[n % 2]}{number(a)} {number(b)}" for n, (a, b) in enumerate(at))
            if path:
                parts.append(element("path", d=path, class_="mark", style="stroke-dasharray:none", opacity="0.45"))
        for place, walk in enumerate(landscape.walks):
            parts += _walk(walk, x, y, colour(place))
        if landscape.target is not None:
            a, b = (number(v - 5) for v in (x(landscape.target[0]), y(landscape.target[1])))
            parts.append(
                element("path", d=f"M{a} {b}l10 10m0-10l-10 10", stroke="var(--tw-ink)", stroke_width=2, fill="none")
            )
        top = where.bottom + BELOW + 12
        read.append(panel("points", where, "step", [_told(walk, x, y, n) for n, walk in enumerate(landscape.walks)]))
    return drawing(title, description, parts, top, [one for one in read if one["series"]])


def _told(walk: Path, x: Scale, y: Scale, place: int) -> dict[str, Any]:
    """What can be read off a walk: evenly chosen points of a long one, and where it stands there."""
    inside = _inside(walk, x, y)
    told = range(0, len(inside), math.ceil(len(inside) / MOST) or 1)
    return {
        "name": walk.name,
        "colour": colour(place),
        "x": [rounded(x(inside[n][0])) for n in told],
        "t": joined([str(n) for n in told]),
        "y": [rounded(y(inside[n][1])) for n in told],
        "v": joined([f"({short_text(inside[n][0])}; {short_text(inside[n][1])})" for n in told]),
    }


def _inside(walk: Path, x: Scale, y: Scale) -> list[tuple[float, float]]:
    """The walk until it leaves the picture."""
    shown = (x.shows(a) and y.shows(b) for a, b in zip(walk.x, walk.y, strict=True))
    return list(zip(walk.x, walk.y, strict=True))[: next((n for n, inside in enumerate(shown) if not inside), None)]


def _walk(walk: Path, x: Scale, y: Scale, number_of_colour: int) -> list[str]:
    inside = [(x(a), y(b)) for a, b in _inside(walk, x, y)]
    if not inside:
        return []
    line = "M" + "L".join(f"{number(a)} {number(b)}" for a, b in inside)
    dots = [element("circle", cx=a, cy=b, r=2.2, class_=f"f{number_of_colour}") for a, b in inside]
    start = element("circle", cx=inside[0][0], cy=inside[0][1], r=5.0, class_=f"s{number_of_colour}", stroke_width=2)
    return [element("path", d=line, class_=f"s{number_of_colour}", stroke_width=1.5, opacity="0.9"), *dots, start]


def contour(heights: np.ndarray, level: float) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Where a surface crosses a level, as straight pieces through the cells of its grid.

    Args:
        heights: (rows, columns).
        level: The height.

    Returns:
        Both ends of each piece, each as (column, row), which may be fractional.

    Reference:
        Lorensen, Cline, "Marching Cubes", 1987, in two dimensions.
    """
    pieces = []
    above = heights > level
    mixed = above[:-1, :-1] ^ above[1:, 1:] | above[:-1, 1:] ^ above[1:, :-1] | above[:-1, :-1] ^ above[1:, :-1]
    for row, column in np.argwhere(mixed):
        corners = ((column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1))
        crossings = []
        for (c0, r0), (c1, r1) in zip(corners, corners[1:] + corners[:1], strict=True):
            first, second = heights[r0, c0], heights[r1, c1]
            if (first > level) != (second > level):
                share = (level - first) / (second - first)
                crossings.append((float(c0 + share * (c1 - c0)), float(r0 + share * (r1 - r0))))
        pieces += list(zip(crossings[::2], crossings[1::2], strict=True))
    return pieces
