"""Parallel coordinates: one axis a setting, one line a thing, so that many settings are seen at once.

The axes lie across and below one another, so that there is room for their names, for any number of them, on a phone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainwell.report.charts.frame import Box, fitting
from trainwell.report.charts.read import joined, panel
from trainwell.report.charts.scale import Scale, short_text, spanning, tick_text
from trainwell.report.charts.shades import shade, shade_key
from trainwell.report.charts.svg import LINE, WIDTH, drawing, element, label, number, shortened

_ROW = 74.0  # from one axis to the next
_FIRST, _LAST = 26.0, WIDTH - 26.0
_MOST_READ = 120  # lines that can be read; the best

Value = float | str | None


@dataclass(frozen=True)
class Axis:
    """A setting.

    Args:
        name: Above it.
        log: Whether places go by the logarithm.
        choices: The values of one that is no number, in order; empty for numbers.
    """

    name: str
    log: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thread:
    """A thing.

    Args:
        name: For reading.
        values: On each axis; None where it has no such setting.
        shade: How good it is, in [0, 1].
        best: Whether it is the one to look at.
    """

    name: str
    values: Sequence[Value]
    shade: float
    best: bool = False


def parallel(
    title: str, description: str, along: Sequence[Axis], threads: Sequence[Thread], *, shades: tuple[str, str]
) -> str:
    """Draw parallel coordinates, the best on top.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        along: The axes, the first on top.
        threads: The things.
        shades: Words at the pale and at the full end of the shades.
    """
    parts = shade_key(*shades, 8.0, 0.0)
    top = 2 * LINE + 16
    heights = [top + _ROW * place for place in range(len(along))]
    scales = [_scale(axis, [thread.values[place] for thread in threads]) for place, axis in enumerate(along)]
    drawn = sorted(threads, key=lambda thread: (thread.best, thread.shade))
    places = [_places(thread, along, scales, heights) for thread in drawn]
    for thread, found in zip(drawn, places, strict=True):
        for run in _runs(found):
            path = "M" + "L".join(f"{number(a)} {number(b)}" for a, b in run)
            if thread.best:
                parts.append(element("path", d=path, class_="s2", stroke_width=3.5, stroke_linejoin="round"))
            else:
                look = f"stroke:{shade(thread.shade)}"
                parts.append(
                    element("path", d=path, class_="s1", style=look, stroke_width=1.5, stroke_linejoin="round")
                )
    for axis, scale, height in zip(along, scales, heights, strict=True):
        parts += _axis(axis, scale, height)
    read = []
    for thread, found in list(zip(drawn, places, strict=True))[-_MOST_READ:]:
        seen = [(a, b, axis.name, _text(value)) for (a, b), axis, value in zip(found, along, thread.values, strict=True)
                if a is not None]  # fmt: skip
        read.append(_series(thread, seen))
    bottom = heights[-1] + 2 * LINE
    where = Box(_FIRST, top, _LAST, heights[-1])
    return drawing(title, description, parts, bottom, [panel("points", where, "", read)] if read else [])


def _scale(axis: Axis, values: Sequence[Value]) -> Scale:
    if axis.choices:
        return Scale(0.0, max(1.0, len(axis.choices) - 1.0), _FIRST + 20, _LAST - 20)
    numbers = [value for value in values if isinstance(value, int | float)]
    return spanning(numbers, _FIRST, _LAST, log=axis.log, span=None)


def _places(
    thread: Thread, along: Sequence[Axis], scales: Sequence[Scale], heights: Sequence[float]
) -> list[tuple[float | None, float]]:
    """Where a line crosses each axis; None across where it does not."""
    found: list[tuple[float | None, float]] = []
    for axis, scale, height, value in zip(along, scales, heights, thread.values, strict=True):
        if axis.choices:
            found.append((scale(float(axis.choices.index(value))) if value in axis.choices else None, height))
        else:
            found.append((scale(value) if isinstance(value, int | float) and scale.shows(value) else None, height))
    return found


def _runs(found: Sequence[tuple[float | None, float]]) -> list[list[tuple[float, float]]]:
    """Pieces of a line without a gap, of two points at least."""
    runs: list[list[tuple[float, float]]] = [[]]
    for a, b in found:
        if a is None:
            runs.append([])
        else:
            runs[-1].append((a, b))
    return [run for run in runs if len(run) > 1]


def _axis(axis: Axis, scale: Scale, height: float) -> list[str]:
    line = f"M{number(_FIRST)} {number(height)}H{number(_LAST)}"
    parts = [element("path", d=line, class_="axis", stroke_width=1.5)]
    names: list[tuple[float, str]]
    if axis.choices:
        room = (_LAST - _FIRST) / len(axis.choices)
        names = [(float(place), shortened(name, room)) for place, name in enumerate(axis.choices)]
    else:
        names = [(value, tick_text(value)) for value in fitting(scale, scale.ticks(6))]
    halo = {"style": "paint-order:stroke;stroke:var(--tw-paper);stroke-width:4px;stroke-linejoin:round"}
    for value, name in names:
        place = scale(value)
        parts.append(element("path", d=f"M{number(place)} {number(height)}v5", class_="axis"))
        parts.append(_over(name, place, height + LINE, halo, anchor="middle", kind="quiet"))
    parts.append(_over(axis.name, 8.0, height - 8, halo, kind="heading"))
    return parts


def _over(
    words: str, x: float, y: float, look: dict[str, str], *, anchor: str = "start", kind: str | None = None
) -> str:
    """Text that stays legible on top of lines."""
    return element("g", label(words, x, y, anchor=anchor, kind=kind), **look)


def _text(value: Value) -> str:
    return short_text(value) if isinstance(value, int | float) else str(value)


def _series(thread: Thread, seen: Sequence[tuple[float | None, float, str, str]]) -> dict[str, Any]:
    return {
        "name": thread.name,
        "colour": 2 if thread.best else 1,
        "x": [round(a) for a, _, _, _ in seen if a is not None],
        "y": [round(b) for _, b, _, _ in seen],
        "t": joined([name for _, _, name, _ in seen]),
        "v": joined([text for _, _, _, text in seen]),
    }
