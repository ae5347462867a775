"""Matrix: which class is taken for which, each cell shaded by its share of the row."""

import math
from collections.abc import Sequence

from trainwell.report.charts.frame import Box
from trainwell.report.charts.read import cells
from trainwell.report.charts.svg import LINE, TEXT, WIDTH, drawing, element, label, number, shortened, width_of

MOST_NUMBERED = 30  # classes whose cells have room for names and counts
_MOST_READ = 100  # of more the picture alone would be large
_LONGEST = 118.0  # room for a name
_LARGEST = 64.0  # side of a cell
_SHADES = 12
_PALEST, _PALEST_OF_MANY, _FULLEST = 0.08, 0.3, 0.6  # numbers have to be legible; small cells to be seen


def matrix(title: str, description: str, counts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Draw a table of counts: rows are true classes, columns what was said; blue is right, orange is wrong.

    A cell is the fuller the larger its share of the row; of what is wrong small shares are lifted, since they are what
    is looked for. Above `MOST_NUMBERED` classes cells have no numbers, and the axes count the classes from 1.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        counts: (C, C).
        names: Of the classes, C.
    """
    count = len(names)
    numbered = count <= MOST_NUMBERED
    longest = min(_LONGEST, max(map(width_of, ["true", *names])) if numbered else width_of("1,000"))
    left, top = longest + 22, longest + LINE + 10
    side = min(_LARGEST, (WIDTH - left - 10) / count)
    parts = [label("true", 8, top - 8, kind="quiet"), label("said", left, LINE - 6, kind="quiet")]
    parts += _shaded(counts, side, left, top)
    where = Box(left, top, left + side * count, top + side * count)
    edge = f"M{number(left)} {number(top)}H{number(where.right)}V{number(where.bottom)}H{number(left)}Z"
    parts.append(element("path", d=edge, class_="axis"))
    step = 1 if numbered else 10 if count <= 150 else 100
    for place in range(step - 1, count, step):
        name = shortened(names[place], longest) if numbered else f"{place + 1:,}"
        middle = side * (place + 0.5)
        size = min(TEXT, side + 1) if numbered else TEXT
        parts.append(_name(name, left - 6, top + middle, size))
        parts.append(_name(name, left + middle, top - 6, size, upright=True))
    if numbered:
        parts += _counts(counts, side, left, top)
    read = []
    if count <= _MOST_READ:
        middles = [(left + side * (place + 0.5), name) for place, name in enumerate(names)]
        rows = [(top + side * (n + 0.5), name, [f"{v:,}" for v in row])
                for n, (name, row) in enumerate(zip(names, counts, strict=True))]  # fmt: skip
        read.append(cells(where, middles, rows, (side, side), label="said", value="samples"))
    return drawing(title, description, parts, where.bottom + 10, read)


def _shaded(counts: Sequence[Sequence[int]], side: float, left: float, top: float) -> list[str]:
    """The cells that are not empty, those of one shade in one path."""
    paths: dict[tuple[int, int], list[str]] = {}
    wide = max(side - (1.0 if side > 8 else 0.0), 0.8)
    palest = _PALEST if len(counts) <= MOST_NUMBERED else _PALEST_OF_MANY
    for row, numbers in enumerate(counts):
        total = sum(numbers)
        for column, value in enumerate(numbers):
            if not value:
                continue
            share = value / total if row == column else math.sqrt(value / total)
            place = f"M{number(left + side * column)} {number(top + side * row)}"
            step = max(1, math.ceil(share * _SHADES))
            paths.setdefault((1 if row == column else 2, step), []).append(
                f"{place}h{number(wide)}v{number(wide)}h{number(-wide)}z"
            )
    return [
        element(
            "path",
            d="".join(pieces),
            class_=f"f{colour}",
            opacity=f"{palest + (_FULLEST - palest) * step / _SHADES:.2f}",
        )
        for (colour, step), pieces in sorted(paths.items())
    ]


def _counts(counts: Sequence[Sequence[int]], side: float, left: float, top: float) -> list[str]:
    parts = []
    for row, numbers in enumerate(counts):
        for column, value in enumerate(numbers):
            if value:
                text = f"{value}"
                size = min(TEXT, side * 0.5, (side - 3) / (0.6 * len(text)))
                x, y = left + side * (column + 0.5), top + side * (row + 0.5) + size * 0.35
                parts.append(element("text", text, x=x, y=y, text_anchor="middle", style=f"font-size:{size:.1f}px"))
    return parts


def _name(words: str, x: float, y: float, size: float, *, upright: bool = False) -> str:
    """The name of a row, that ends at the place, or of a column, that begins there and runs upwards."""
    anchor = "start" if upright else "end"
    inner = label(words, 0.0, size * 0.35, anchor=anchor)
    turn = f"translate({number(x)} {number(y)})" + (" rotate(-90)" if upright else "")
    return element("g", inner, transform=turn, style=f"font-size:{size:.1f}px")
