"""A curve in characters: for a terminal, a pipe or a log."""

import itertools
import math
from collections.abc import Sequence

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character, by row and column; Unicode
_BRAILLE = 0x2800
_LABEL = 8  # columns for the numbers at the left
_LEAST_SPAN = 1e-9  # a curve flatter than this is drawn as a flat one


def plot(x: Sequence[float], y: Sequence[float], *, width: int = 72, height: int = 8, braille: bool = True) -> str:
    """The curve through the points, with its bounds at the left and below, and 0 as a thin line where it is inside.

    Args:
        x: Rising, finite.
        y: As many, finite.
        width: Columns, labels included.
        height: Rows of the curve.
        braille: Two by four dots a character; otherwise one character is one point.

    Returns:
        `height` + 1 lines, none longer than `width`.
    """
    across, down = (2, 4) if braille else (1, 1)
    columns, rows = (width - _LABEL) * across, height * down
    low, high = min(y), max(y)
    if high - low < _LEAST_SPAN:
        low, high = low - 1.0, high + 1.0
    places = [
        (
            round((px - x[0]) / (x[-1] - x[0]) * (columns - 1)),
            round((high - py) / (high - low) * (rows - 1)),
        )
        for px, py in zip(x, y, strict=True)
    ]
    curve, axis = _joined(places), set()
    if low <= 0.0 <= high:
        zero = round(high / (high - low) * (rows - 1))
        axis = {(column, zero) for column in range(0, columns, 2 * across)}  # every other character
    if braille:
        lines = [_braille(curve | axis, row, columns) for row in range(height)]
    else:
        lines = ["".join(_mark((c, row), curve, axis) for c in range(columns)) for row in range(rows)]
    labels = {0: _number(high), height - 1: _number(low)}
    drawn = [f"{labels.get(row, ''):>{_LABEL - 1}} {line}".rstrip() for row, line in enumerate(lines)]
    first, last = f"{x[0]:g}", f"{x[-1]:g}"
    room = width - _LABEL - len(first) - len(last)
    middle = "0".center(room) if math.isclose(x[0], -x[-1]) else " " * room
    return "\n".join([*drawn, " " * _LABEL + first + middle + last])


def _number(value: float) -> str:
    """Three digits where they fit beside the curve, otherwise one."""
    text = f"{value:.3g}"
    return text if len(text) < _LABEL else f"{value:.0e}"


def _joined(places: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """The points, and those between them where the curve is steep."""
    dots = set(places[:1])
    for (column, row), (next_column, next_row) in itertools.pairwise(places):
        steps = max(abs(next_column - column), abs(next_row - row), 1)
        for step in range(1, steps + 1):
            share = step / steps
            dots.add((round(column + share * (next_column - column)), round(row + share * (next_row - row))))
    return dots


def _braille(dots: set[tuple[int, int]], row: int, columns: int) -> str:
    text = ""
    for left in range(0, columns, 2):
        bits = sum(_DOTS[y][x] for y in range(4) for x in range(2) if (left + x, 4 * row + y) in dots)
        text += chr(_BRAILLE + bits) if bits else " "
    return text


def _mark(place: tuple[int, int], curve: set[tuple[int, int]], axis: set[tuple[int, int]]) -> str:
    return "*" if place in curve else "-" if place in axis else " "
