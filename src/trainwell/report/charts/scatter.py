"""Scatter: one mark a thing, at two of its numbers, shaded by a third."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trainwell.report.charts.frame import BELOW, LEFT, RIGHT, axes, box
from trainwell.report.charts.read import joined, panel
from trainwell.report.charts.scale import Scale, spanning
from trainwell.report.charts.shades import shade, shade_key
from trainwell.report.charts.svg import LINE, WIDTH, drawing, element, label, number, wrapped

_HEIGHT = 280.0


@dataclass(frozen=True)
class Dot:
    """A thing.

    Args:
        x: Its place across.
        y: Its place upwards; None puts it on the lower edge: it has none.
        name: What it belongs to, for reading.
        at: Which one it is, for reading.
        text: What is read off there.
        shade: How good it is, in [0, 1]; None gives all the same colour.
        radius: Of its mark.
        mark: `dot`, `square`, or `cross` for what came to nothing.
        ringed: Whether it is the one to look at.
    """

    x: float
    y: float | None
    name: str = ""
    at: str = ""
    text: str = ""
    shade: float | None = None
    radius: float = 4.0
    mark: Literal["dot", "square", "cross"] = "dot"
    ringed: bool = False


def scatter(
    title: str,
    description: str,
    dots: Sequence[Dot],
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    span: tuple[float, float] | None = None,
    reads: str = "",
    shades: tuple[str, str] | None = None,
    note: str = "",
    level: float | None = None,
    diagonal: bool = False,
) -> str:
    """Draw marks on one pair of axes; those that come later lie on top.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        dots: The marks.
        x_label: What goes across.
        y_label: What goes upwards.
        log_x: Whether places across go by the logarithm.
        log_y: Whether places upwards do.
        span: Lowest and highest value of both axes; None goes by the marks.
        reads: What `at` of a mark counts.
        shades: Words at the pale and at the full end of the shades; None leaves their key out.
        note: What the marks mean, below the axes.
        level: A value upwards at which a dotted line stands.
        diagonal: Whether a dotted line stands where both values are equal.
    """
    where = box(LINE + 12, _HEIGHT)
    x = spanning((dot.x for dot in dots), LEFT, WIDTH - RIGHT, log=log_x, span=span)
    y = spanning([*(dot.y for dot in dots), level], where.bottom, where.top, log=log_y, span=span)
    parts = axes(where, x, y, x_label, y_label)
    if level is not None:
        line = f"M{number(where.left)} {number(y(level))}H{number(where.right)}"
        parts.append(element("path", d=line, class_="mark", stroke_width=1.5))
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        if low < high:
            line = f"M{number(x(low))} {number(y(low))}L{number(x(high))} {number(y(high))}"
            parts.append(element("path", d=line, class_="mark", stroke_width=1.5))
    placed = [(dot, x(dot.x), where.bottom if dot.y is None else y(dot.y)) for dot in dots if _has_place(dot, x, y)]
    for dot, a, b in placed:
        parts += _mark(dot, a, b)
    bottom = where.bottom + BELOW
    if shades is not None:
        parts += shade_key(*shades, 8.0, bottom)
        bottom += LINE + 4
    for line in wrapped(note, WIDTH - 16):
        bottom += LINE
        parts.append(label(line, 8, bottom - 4, kind="quiet"))
    read = [panel("points", where, reads, _series(placed))] if any(dot.text for dot in dots) else []
    return drawing(title, description, parts, bottom + 10, read)


def _has_place(dot: Dot, x: Scale, y: Scale) -> bool:
    return x.shows(dot.x) and (dot.y is None or y.shows(dot.y))


def _mark(dot: Dot, a: float, b: float) -> list[str]:
    """A mark, and its ring."""
    r = dot.radius
    if dot.mark == "cross":
        return [element("path", d=f"M{number(a - 4)} {number(b - 4)}l8 8m0-8l-8 8", stroke="var(--tw-quiet)",
                        stroke_width=1.5, fill="none")]  # fmt: skip
    look: dict[str, Any] = {"class_": "f1", "opacity": "0.55"}
    if dot.shade is not None:
        look = {"class_": "f1", "style": f"fill:{shade(dot.shade)};stroke:var(--tw-ink);stroke-width:.7"}
    if dot.mark == "square":
        parts = [element("rect", x=a - r, y=b - r, width=2 * r, height=2 * r, **look)]
    else:
        parts = [element("circle", cx=a, cy=b, r=r, **look)]
    if dot.ringed:
        parts.append(element("circle", cx=a, cy=b, r=r + 5, class_="s2", stroke_width=2.5))
    return parts


def _series(placed: Sequence[tuple[Dot, float, float]]) -> list[dict[str, Any]]:
    """What can be read off, by what the marks belong to."""
    found = []
    for name in dict.fromkeys(dot.name for dot, _, _ in placed):
        own = sorted(((dot, a, b) for dot, a, b in placed if dot.name == name), key=lambda one: one[1])
        places = {"x": [round(a) for _, a, _ in own], "y": [round(b) for _, _, b in own]}
        texts = {"t": joined([dot.at for dot, _, _ in own]), "v": joined([dot.text for dot, _, _ in own])}
        found.append({"name": name, "colour": 1, **places, **texts})
    return found
