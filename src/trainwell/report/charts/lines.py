"""Lines: one or more panels of curves below each other, on straight or logarithmic axes, with bands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trainwell.report.charts.frame import BELOW, LEFT, RIGHT, Box, axes, box
from trainwell.report.charts.read import line_series, panel
from trainwell.report.charts.scale import Scale, spanning
from trainwell.report.charts.svg import LINE, WIDTH, colour, drawing, element, label, legend, number, width_of

_HEIGHT = 200.0  # of a panel
_ACROSS = LEFT, WIDTH - RIGHT  # from the first place across to the last
_DASHES = {"dashed": "6 4", "dotted": "1.5 3"}

Values = Sequence[float | None]


@dataclass(frozen=True)
class Line:
    """A curve. Where a value is None or not finite it has a gap; on a logarithmic axis, also where it is not above 0.

    Args:
        name: In the legend; empty for none.
        x: Values across.
        y: Values upwards, as many.
        band: Lower and upper values around it, as many: a spread.
        style: `solid`, `dashed`, `dotted`, `faint` for what lies behind, or `points` for points alone.
        colour: Number of its colour from 1; None goes by its place.
    """

    name: str
    x: Sequence[float]
    y: Values
    band: tuple[Values, Values] | None = None
    style: str = "solid"
    colour: int | None = None


@dataclass(frozen=True)
class Panel:
    """Curves on one pair of axes.

    Args:
        lines: The curves.
        x_label: What goes across.
        y_label: What goes upwards.
        title: Stands above it; empty for none.
        log_x: Whether places across go by the logarithm.
        log_y: Whether places upwards do.
        x_span: Lowest and highest value across; None goes by the curves.
        y_span: Lowest and highest value upwards.
        marks: Values upwards at which a dotted line stands, with their words.
        x_marks: Values across at which one stands, with words above the panel.
        zone: Lowest and highest value upwards of a pale stretch, with its words: where values usually lie.
        x_zone: The same across, without words.
    """

    lines: Sequence[Line]
    x_label: str
    y_label: str
    title: str = ""
    log_x: bool = False
    log_y: bool = False
    x_span: tuple[float, float] | None = None
    y_span: tuple[float, float] | None = None
    marks: Sequence[tuple[float, str]] = ()
    x_marks: Sequence[tuple[float, str]] = ()
    zone: tuple[float, float, str] | None = None
    x_zone: tuple[float, float] | None = None


def lines(title: str, description: str, panels: Sequence[Panel]) -> str:
    """Draw panels of curves below each other.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        panels: One or more.
    """
    parts: list[str] = []
    read = []
    top = 0.0
    for one in panels:
        drawn, readable, top = _panel(one, top)
        parts += drawn
        read.append(readable)
    return drawing(title, description, parts, top, [one for one in read if one["series"]])


def _panel(one: Panel, top: float) -> tuple[list[str], dict[str, Any], float]:
    parts = []
    if one.title:
        parts.append(label(one.title, 8, top + LINE - 4, kind="heading"))
        top += LINE + 2
    colours = [line.colour or colour(place) for place, line in enumerate(one.lines)]
    names = [(line.name, c, _DASHES.get(line.style)) for line, c in zip(one.lines, colours, strict=True)]
    keys, height = legend(names, top)
    x = spanning((v for line in one.lines for v in line.x), *_ACROSS, log=one.log_x, span=one.x_span)
    marks = [(x(value), words) for value, words in one.x_marks if x.shows(value)]
    flags, rows = _flags(marks, 8 + width_of(one.y_label))
    where = box(top + height + LINE * rows + 12, _HEIGHT)
    upwards = [v for line in one.lines for values in (line.y, *(line.band or ())) for v in values]
    upwards += [value for value, _ in one.marks]
    y = spanning(upwards, where.bottom, where.top, log=one.log_y, span=one.y_span)
    parts += [*keys, *_zones(one, where, x, y), *axes(where, x, y, one.x_label, one.y_label)]
    for value, words in one.marks:
        if y.shows(value):
            place = y(value)
            across = f"M{number(where.left)} {number(place)}H{number(where.right)}"
            parts.append(element("path", d=across, class_="mark", stroke_width=1.5))
            parts.append(label(words, where.right - 4, place - 5, anchor="end", kind="quiet"))
    for place, row, words, anchor in flags:
        base = where.top - 12 - LINE * row
        parts.append(element("path", d=f"M{number(place)} {number(base + 3)}V{number(where.bottom)}", class_="mark",
                             stroke_width=1.5))  # fmt: skip
        parts.append(label(words, place, base, anchor=anchor, kind="quiet"))
    readable = []
    for line, number_of_colour in zip(one.lines, colours, strict=True):
        parts += _line(line, number_of_colour, x, y)
        name = line.name or one.y_label
        readable.append(line_series(name, number_of_colour, (x, y), (line.x, line.y), line.band))
    return parts, panel("lines", where, one.x_label, readable), where.bottom + BELOW + 12


def _flags(marks: Sequence[tuple[float, str]], taken: float) -> tuple[list[tuple[float, int, str, str]], int]:
    """Place, row, words and anchor of each mark, in as many rows as keep their words apart; and how many those are.

    Args:
        marks: Place and words of each.
        taken: How far the lowest row is taken already, from the left.
    """
    ends = [taken]  # of what stands in each row, the lowest first
    found = []
    for place, words in sorted(marks):
        wide = width_of(words)
        left = place - wide / 2
        anchor = "middle"
        if left < 0 or left + wide > WIDTH:
            anchor, left = ("start", place) if left < 0 else ("end", place - wide)
        row = next((n for n, end in enumerate(ends) if left > end + 8), len(ends))
        ends[row : row + 1] = [left + wide]  # a new row where there is none yet
        found.append((place, row, words, anchor))
    return found, len(ends)


def _zones(one: Panel, where: Box, x: Scale, y: Scale) -> Iterator[str]:
    """The pale stretches behind the curves, as far as they lie within the axes."""
    if one.zone is not None and (ends := _within(one.zone[:2], y)):
        yield element("rect", x=where.left, y=ends[0], width=where.right - where.left, height=ends[1] - ends[0],
                      class_="f3", opacity="0.13")  # fmt: skip
        yield label(one.zone[2], where.left + 5, ends[0] + LINE - 4, kind="quiet")
    if one.x_zone is not None and (ends := _within(one.x_zone, x)):
        yield element("rect", x=ends[0], y=where.top, width=ends[1] - ends[0], height=where.bottom - where.top,
                      class_="f3", opacity="0.13")  # fmt: skip


def _within(zone: tuple[float, float], scale: Scale) -> tuple[float, float] | None:
    """The places of a stretch, in the order of the drawing, as far as it lies within the axis."""
    if zone[1] <= scale.low or zone[0] >= scale.high:
        return None
    first, last = sorted(scale(min(max(value, scale.low), scale.high)) for value in zone)
    return first, last


def _line(line: Line, number_of_colour: int, x: Scale, y: Scale) -> Iterator[str]:
    if line.band is not None:
        for low, high in zip(_runs(line.x, line.band[0], x, y), _runs(line.x, line.band[1], x, y), strict=False):
            yield element("path", d=f"M{'L'.join([*low, *reversed(high)])}Z", class_=f"f{number_of_colour}",
                          opacity="0.18")  # fmt: skip
    runs = _runs(line.x, line.y, x, y)
    faint = line.style == "faint"
    for run in runs:
        if line.style == "points" or len(run) == 1:  # a stroke of one point would not be seen
            for place in run:
                across, up = place.split(" ")
                yield element("circle", cx=across, cy=up, r=2.5, class_=f"f{number_of_colour}",
                              opacity="0.45" if faint else None)  # fmt: skip
            continue
        yield element("path", d="M" + "L".join(run), class_=f"s{number_of_colour}", stroke_width=1 if faint else 2,
                      stroke_linejoin="round", stroke_linecap="round", stroke_dasharray=_DASHES.get(line.style),
                      opacity="0.45" if faint else None)  # fmt: skip


def _runs(across: Sequence[float], upwards: Values, x: Scale, y: Scale) -> list[list[str]]:
    """The places of a curve, broken where there is nothing to show; what lies outside the axis is held at its edge."""
    runs: list[list[str]] = [[]]
    for a, b in zip(across, upwards, strict=True):
        if b is None or b != b or (y.log and b <= 0) or not x.shows(a):
            runs.append([])
            continue
        runs[-1].append(f"{number(x(a))} {number(y(min(max(b, y.low), y.high)))}")
    return [run for run in runs if run]
