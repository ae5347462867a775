"""The frame of a panel: grid, ticks and what the axes mean."""

from dataclasses import dataclass
from itertools import pairwise

from trainwell.report.charts.scale import Scale, tick_text
from trainwell.report.charts.svg import LINE, WIDTH, element, label, number, width_of

LEFT, RIGHT, BELOW = 58.0, 14.0, 40.0


@dataclass(frozen=True)
class Box:
    """Where a panel stands.

    Args:
        left: Its left edge.
        top: Its upper edge.
        right: Its right edge.
        bottom: Its lower edge.
    """

    left: float
    top: float
    right: float
    bottom: float


def box(top: float, height: float) -> Box:
    """A panel as wide as the drawing, with room for the ticks."""
    return Box(LEFT, top, WIDTH - RIGHT, top + height)


def axes(panel: Box, x: Scale, y: Scale, x_label: str, y_label: str) -> list[str]:
    """Grid lines at the ticks with their numbers, and what the axes mean; that of y stands above its axis."""
    parts = []
    for value in y.ticks():
        place = y(value)
        parts.append(element("path", d=f"M{number(panel.left)} {number(place)}H{number(panel.right)}", class_="grid"))
        parts.append(label(tick_text(value), panel.left - 6, place + 4, anchor="end", kind="quiet"))
    for value in fitting(x, x.ticks()):
        place = x(value)
        parts.append(element("path", d=f"M{number(place)} {number(panel.top)}V{number(panel.bottom)}", class_="grid"))
        parts.append(label(tick_text(value), place, panel.bottom + LINE, anchor="middle", kind="quiet"))
    parts.append(element("path", d=f"M{number(panel.left)} {number(panel.bottom)}H{number(panel.right)}",
                         class_="axis"))  # fmt: skip
    parts.append(label(y_label, 8, panel.top - 12, kind="quiet"))
    parts.append(label(x_label, panel.right, panel.bottom + 2 * LINE, anchor="end", kind="quiet"))
    return parts


def fitting(x: Scale, ticks: list[float]) -> list[float]:
    """The ticks whose numbers do not run into one another: every one, every second, and so on."""
    for step in range(1, len(ticks) + 1):
        kept = ticks[::step]
        places = [(x(v), width_of(tick_text(v)) / 2) for v in kept]
        if all(b - a > wide_a + wide_b + 4 for (a, wide_a), (b, wide_b) in pairwise(places)):
            return kept
    return ticks[:1]
