"""Histograms: one column a setting, one row a layer, as the books show what activations do."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainwell.report.charts.frame import Box
from trainwell.report.charts.read import cells
from trainwell.report.charts.scale import short_text, tick_text
from trainwell.report.charts.svg import LINE, WIDTH, colour, drawing, element, label, number, wrapped

_ROW, _GAP = 24.0, 10.0
_LEFT = 34.0


@dataclass(frozen=True)
class Column:
    """A setting, seen layer by layer.

    Args:
        name: Above it.
        shares: Of each row, the share of the values in each of its bins, which are equally wide.
        span: Values at the left edge of the first bin and at the right edge of the last.
    """

    name: str
    shares: Sequence[Sequence[float]]
    span: tuple[float, float]


def histograms(title: str, description: str, columns: Sequence[Column], rows: Sequence[str], *, row_label: str) -> str:
    """Draw histograms in columns and rows; each is as high as its own fullest bin, so that its form is seen.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        columns: The settings, at most five.
        rows: Names of the rows, the first on top.
        row_label: What the rows are.
    """
    width = (WIDTH - _LEFT - 8 - _GAP * (len(columns) - 1)) / len(columns)
    heads = [wrapped(column.name, width) for column in columns]
    top = LINE * max(len(head) for head in heads) + 8
    parts = [label(row_label, 4, top - 6, kind="quiet")] if row_label else []
    for place, row in enumerate(rows):
        parts.append(label(row, _LEFT - 6, top + _ROW * (place + 1) - 4, anchor="end", kind="quiet"))
    bottom = top + _ROW * len(rows)
    for place, (column, head) in enumerate(zip(columns, heads, strict=True)):
        left = _LEFT + (width + _GAP) * place
        for line, words in enumerate(head):
            parts.append(label(words, left + width / 2, top - 8 - LINE * (len(head) - 1 - line), anchor="middle"))
        for row_number, shares in enumerate(column.shares):
            parts.append(_histogram(shares, left, top + _ROW * (row_number + 1), width, colour(place)))
        low, high = column.span
        middle = (low + high) / 2
        for value, anchor in ((low, "start"), (middle, "middle"), (high, "end")):
            x = left + (value - low) / (high - low) * width
            parts.append(label(tick_text(round(value, 6)), x, bottom + LINE, anchor=anchor, kind="quiet"))
    middles = [(_LEFT + (width + _GAP) * n + width / 2, column.name) for n, column in enumerate(columns)]
    told = [
        (top + _ROW * (n + 0.5), f"{row_label} {row}", [_fullest(column, n) for column in columns])
        for n, row in enumerate(rows)
    ]
    read = cells(Box(_LEFT, top, WIDTH - 8, bottom), middles, told, (width, _ROW), value="fullest bin")
    return drawing(title, description, parts, bottom + LINE + 10, [read])


def _fullest(column: Column, row: int) -> str:
    """Of a histogram, the share of its fullest bin, and the values between which that lies."""
    if row >= len(column.shares):
        return "–"
    shares = column.shares[row]
    most = max(range(len(shares)), key=shares.__getitem__)
    low, high = column.span
    first, last = (low + (high - low) * place / len(shares) for place in (most, most + 1))
    return f"{shares[most]:.0%} at {short_text(first)} to {short_text(last)}"


def _histogram(shares: Sequence[float], left: float, base: float, width: float, number_of_colour: int) -> str:
    most = max(shares) or 1.0
    step = width / len(shares)
    path = [f"M{number(left)} {number(base)}"]
    for place, share in enumerate(shares):
        path.append(f"V{number(base - share / most * (_ROW - 4))}H{number(left + step * (place + 1))}")
    line = element("path", d=f"M{number(left)} {number(base)}h{number(width)}", class_="grid")
    return line + element("path", d="".join(path) + f"V{number(base)}Z", class_=f"f{number_of_colour}", opacity="0.85")
