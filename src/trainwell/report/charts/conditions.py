"""Conditions: layers by time as colours, so that one that is not well stands out, and since when."""

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from trainwell.report.charts.frame import Box, fitting
from trainwell.report.charts.read import cells
from trainwell.report.charts.scale import Scale, short_text, tick_text
from trainwell.report.charts.svg import LINE, WIDTH, drawing, element, label, number, shortened, width_of

_MOST_NAME, _LAST = 150.0, 58.0  # widths of the names in front and of the last values behind
_MOST_COLUMNS = 60
_HIGHEST, _LOWEST, _TALL = 20.0, 6.0, 700.0  # of a row, and of all of them together
_READABLE = 12.0  # height of a line of small text
_SMALL = 11.0
_LEVELS = 24  # colours on each way from what is calm
_UP, _DOWN = ("--tw-h0", "--tw-u1", "--tw-u2"), ("--tw-h0", "--tw-l1", "--tw-l2")
_SHARE = ("--tw-h0", "--tw-h1", "--tw-h2", "--tw-h3")


@dataclass(frozen=True)
class Shade:
    """How a number becomes a colour.

    Args:
        reach: Where the colour is strongest: a share, or the factor by which a value lies above 1, or below it.
        factor: Whether values are factors: 1 is calm, and what lies below and above differs in colour.
        limit: A value that is marked in the legend; None for none.
    """

    reach: float = 1.0
    factor: bool = False
    limit: float | None = None

    def strength(self, values: np.ndarray) -> np.ndarray:
        """From 0, calm, to 1, or to -1 for what lies below; NaN stays so."""
        if not self.factor:
            return np.clip(values / self.reach, 0.0, 1.0)
        least = np.finfo(float).tiny
        return np.clip(np.log(np.maximum(values, least)) / math.log(self.reach), -1.0, 1.0)


def conditions(
    title: str,
    description: str,
    values: np.ndarray,
    *,
    rows: Sequence[str],
    times: Sequence[float],
    x_label: str,
    value_label: str,
    shade: Shade,
    flagged: AbstractSet[int] = frozenset(),
) -> str:
    """Draw the state of layers over time.

    Of more looks than there is room for, each column shows the value of several that is furthest from calm.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        values: One row a layer, one column a look, (L, T); NaN leaves a cell empty.
        rows: Names of the layers, the first on top.
        times: When each look was.
        x_label: What the times are.
        value_label: What the numbers are.
        shade: How a number becomes a colour.
        flagged: Numbers of the rows that are marked.
    """
    names = [f"! {name}" if place in flagged else name for place, name in enumerate(rows)]
    tall = min(max(_TALL / len(rows), _LOWEST), _HIGHEST)
    every = math.ceil(_READABLE / tall)  # n-th row has its name beside it
    left = min(_MOST_NAME, max(width_of(name) for name in names)) + 12
    right = WIDTH - _LAST
    parts, top = _legend(shade, value_label)
    top += LINE
    shown, spans = _columns(values, times, shade)
    wide = (right - left) / len(spans)
    parts += _cells(shown, Scale(0, len(spans), left, right), top, tall, shade)
    parts.append(label("last", WIDTH - 6, top - 5, anchor="end", kind="small quiet"))
    for place, name in enumerate(names):
        middle = top + tall * (place + 0.5) + 4
        if place % every and place not in flagged:
            continue
        kind = "small heading" if place in flagged else "small"
        parts.append(label(shortened(name, left - 10, size=_SMALL), left - 6, middle, anchor="end", kind=kind))
        last = _last(values[place])
        parts.append(label(_text(last), WIDTH - 6, middle, anchor="end", kind=kind))
    bottom = top + tall * len(rows)
    parts += _times(times, Box(left, top, right, bottom), x_label)
    middles = [(left + wide * (n + 0.5), text) for n, text in enumerate(spans)]
    told = [
        (top + tall * (place + 0.5), name, [_text(v) for v in numbers])
        for place, (name, numbers) in enumerate(zip(rows, shown, strict=True))
    ]
    read = cells(Box(left, top, right, bottom), middles, told, (wide, tall), label=x_label, value=value_label)
    return drawing(title, description, parts, bottom + 2 * LINE + 8, [read])


def _columns(values: np.ndarray, times: Sequence[float], shade: Shade) -> tuple[np.ndarray, list[str]]:
    """The values of each column, (L, columns), and the times it stands for."""
    count = values.shape[1]
    edges = np.unique(np.linspace(0, count, min(count, _MOST_COLUMNS) + 1).astype(int))
    found, spans = [], []
    for start, end in pairwise(edges):
        stretch = values[:, start:end]
        away = np.nan_to_num(np.abs(shade.strength(stretch)), nan=-1.0)
        found.append(stretch[np.arange(len(stretch)), away.argmax(axis=1)])
        ends = short_text(times[start]), short_text(times[end - 1])
        spans.append(ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}")
    return np.stack(found, axis=1), spans


def _cells(shown: np.ndarray, across: Scale, top: float, tall: float, shade: Shade) -> list[str]:
    """All cells of one colour as one path, neighbours in a row as one piece."""
    pieces: dict[int, list[str]] = {}
    height = number(tall - (1 if tall > _READABLE else 0))
    for place, row in enumerate(shown):
        levels = [None if s != s else round(s * _LEVELS) for s in shade.strength(row)]
        start = 0
        for end in range(1, len(levels) + 1):
            if end < len(levels) and levels[end] == levels[start]:
                continue
            level = levels[start]
            if level is not None:
                first, last = across(start), across(end)
                piece = f"M{number(first)} {number(top + tall * place)}H{number(last)}v{height}H{number(first)}z"
                pieces.setdefault(level, []).append(piece)
            start = end
    return [
        element("path", d="".join(found), fill=_colour(level / _LEVELS, shade), shape_rendering="crispEdges")
        for level, found in sorted(pieces.items())
    ]


def _colour(strength: float, shade: Shade) -> str:
    anchors = _SHARE if not shade.factor else _UP if strength >= 0 else _DOWN
    at = abs(strength) * (len(anchors) - 1)
    first = min(int(at), len(anchors) - 2)
    share = round((at - first) * 100)
    return f"color-mix(in oklab,var({anchors[first]}) {100 - share}%,var({anchors[first + 1]}))"


def _legend(shade: Shade, value_label: str) -> tuple[list[str], float]:
    """The colours with what they stand for, and the height of it."""
    left, wide, high = 8.0, 220.0, 10.0
    lowest = -_LEVELS if shade.factor else 0
    steps = range(lowest, _LEVELS + 1)
    each = wide / len(steps)
    y = LINE + 2
    parts = [label(value_label, left, LINE - 5, kind="quiet")]
    parts += [
        element("rect", x=left + each * n, y=y, width=each + 0.3, height=high, fill=_colour(level / _LEVELS, shade))
        for n, level in enumerate(steps)
    ]
    ends = (1 / shade.reach, 1.0, shade.reach) if shade.factor else (0.0, shade.reach / 2, shade.reach)
    for value, place, anchor in zip(ends, (0.0, 0.5, 1.0), ("start", "middle", "end"), strict=True):
        parts.append(label(short_text(value), left + wide * place, y + high + 13, anchor=anchor, kind="small quiet"))
    if shade.limit is not None:
        strength = float(shade.strength(np.array(shade.limit)))
        place = left + wide * (strength - lowest / _LEVELS) / (1 - lowest / _LEVELS)
        parts.append(element("path", d=f"M{number(place)} {number(y - 4)}v{number(high + 8)}",
                             stroke="var(--tw-ink)", stroke_width=2))  # fmt: skip
        parts.append(label(f"limit {short_text(shade.limit)}", left + wide + 10, y + high, kind="small quiet"))
    return parts, y + high + 20


def _times(times: Sequence[float], where: Box, x_label: str) -> list[str]:
    """When the first and the last look were, and round times between them, by the place of the looks."""
    parts = [label(x_label, where.right, where.bottom + 2 * LINE - 3, anchor="end", kind="quiet")]
    if len(times) == 1 or times[-1] <= times[0]:
        middle = (where.left + where.right) / 2
        return [*parts, label(short_text(times[0]), middle, where.bottom + LINE - 3, anchor="middle", kind="quiet")]
    scale = Scale(times[0], times[-1], where.left, where.right)
    each = (where.right - where.left) / len(times)
    for value in fitting(scale, scale.ticks()):
        place = where.left + each * (float(np.interp(value, times, np.arange(len(times)))) + 0.5)
        parts.append(element("path", d=f"M{number(place)} {number(where.bottom)}v4", class_="axis"))
        parts.append(label(tick_text(value), place, where.bottom + LINE - 1, anchor="middle", kind="quiet"))
    return parts


def _last(row: np.ndarray) -> float:
    known = row[~np.isnan(row)]
    return float(known[-1]) if len(known) else math.nan


def _text(value: float) -> str:
    return "–" if value != value else short_text(float(value))
