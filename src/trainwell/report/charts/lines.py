"""Lines: one or more panels of curves below each other, on straight or logarithmic axes, with bands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainwell.report.charts.frame import BELOW, axes, box
from trainwell.report.charts.scale import Scale, spanning
from trainwell.report.charts.svg import LINE, colour, drawing, element, label, legend, number

_HEIGHT = 200.0  # of a panel
_DASHES = {"solid": None, "dashed": "6 4", "dotted": "1.5 3"}

Values = Sequence[float | None]


@dataclass(frozen=True)
class Line:
    """A curve. Where a value is None or not finite it has a gap; on a logarithmic axis, also where it is not above 0.

    Args:
        name: In the legend; empty for none.
        x: Values across.
        y: Values upwards, as many.
        band: Lower and upper values around it, as many: a spread.
        style: `solid`, `dashed`, `dotted`, or `points` for points alone.
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


def lines(title: str, description: str, panels: Sequence[Panel]) -> str:
    """Draw panels of curves below each other.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        panels: One or more.
    """
    parts: list[str] = []
    top = 0.0
    for panel in panels:
        drawn, top = _panel(panel, top)
        parts += drawn
    return drawing(title, description, parts, top)


def _panel(panel: Panel, top: float) -> tuple[list[str], float]:
    parts = []
    if panel.title:
        parts.append(label(panel.title, 8, top + LINE - 4, kind="heading"))
        top += LINE + 2
    colours = [line.colour or colour(place) for place, line in enumerate(panel.lines)]
    names = [(line.name, c, _DASHES.get(line.style)) for line, c in zip(panel.lines, colours, strict=True)]
    keys, height = legend(names, top)
    where = box(top + height + LINE + 12, _HEIGHT)
    x = spanning(
        (v for line in panel.lines for v in line.x), where.left, where.right, log=panel.log_x, span=panel.x_span
    )
    upwards = [v for line in panel.lines for values in (line.y, *(line.band or ())) for v in values]
    upwards += [value for value, _ in panel.marks]
    y = spanning(upwards, where.bottom, where.top, log=panel.log_y, span=panel.y_span)
    parts += [*keys, *axes(where, x, y, panel.x_label, panel.y_label)]
    for value, words in panel.marks:
        if y.shows(value):
            place = y(value)
            across = f"M{number(where.left)} {number(place)}H{number(where.right)}"
            parts.append(element("path", d=across, class_="mark", stroke_width=1.5))
            parts.append(label(words, where.right - 4, place - 5, anchor="end", kind="quiet"))
    for line, number_of_colour in zip(panel.lines, colours, strict=True):
        parts += _line(line, number_of_colour, x, y)
    return parts, where.bottom + BELOW + 12


def _line(line: Line, number_of_colour: int, x: Scale, y: Scale) -> Iterator[str]:
    if line.band is not None:
        for low, high in zip(_runs(line.x, line.band[0], x, y), _runs(line.x, line.band[1], x, y), strict=False):
            yield element("path", d=f"M{'L'.join([*low, *reversed(high)])}Z", class_=f"f{number_of_colour}",
                          opacity="0.18")  # fmt: skip
    runs = _runs(line.x, line.y, x, y)
    if line.style == "points":
        for place in (point for run in runs for point in run):
            across, up = place.split(" ")
            yield element("circle", cx=across, cy=up, r=2.5, class_=f"f{number_of_colour}")
        return
    for run in runs:
        path = "M" + "L".join(run) if len(run) > 1 else f"M{run[0]}h0.1"
        yield element("path", d=path, class_=f"s{number_of_colour}", stroke_width=2, stroke_linejoin="round",
                      stroke_linecap="round", stroke_dasharray=_DASHES[line.style])  # fmt: skip


def _runs(across: Sequence[float], upwards: Values, x: Scale, y: Scale) -> list[list[str]]:
    """The places of a curve, broken where there is nothing to show; what lies outside the axis is held at its edge."""
    runs: list[list[str]] = [[]]
    for a, b in zip(across, upwards, strict=True):
        if b is None or b != b or (y.log and b <= 0) or not x.shows(a):
            runs.append([])
            continue
        runs[-1].append(f"{number(x(a))} {number(y(min(max(b, y.low), y.high)))}")
    return [run for run in runs if run]
