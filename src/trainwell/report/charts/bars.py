"""Bars: one row a thing, its name in front, its value behind, a whisker for its spread."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainwell.report.charts.frame import Box
from trainwell.report.charts.read import cells
from trainwell.report.charts.scale import Scale, short_text, spanning, tick_text
from trainwell.report.charts.svg import LINE, WIDTH, drawing, element, label, number, width_of

_ROW, _THICK = 26.0, 14.0
_MOST_NAME = 190.0


@dataclass(frozen=True)
class Bar:
    """One row.

    Args:
        name: In front of it.
        value: Its length; None leaves it empty.
        span: Lower and upper end of its whisker.
        text: Behind it; None writes the value.
        colour: Number of its colour, from 1.
    """

    name: str
    value: float | None
    span: tuple[float, float] | None = None
    text: str | None = None
    colour: int = 1


def bars(
    title: str,
    description: str,
    rows: Sequence[Bar],
    *,
    x_label: str,
    log: bool = False,
    x_span: tuple[float, float] | None = None,
    mark: tuple[float, str] | None = None,
) -> str:
    """Draw bars below each other.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        rows: The bars.
        x_label: What their length means.
        log: Whether lengths go by the logarithm; bars then begin at the edge.
        x_span: Lowest and highest value; None goes by the bars, and by 0 where the axis is straight.
        mark: A value at which a dotted line stands, with its words.
    """
    left = min(_MOST_NAME, max(width_of(row.name) for row in rows)) + 16
    texts = [row.text if row.text is not None else "" if row.value is None else short_text(row.value) for row in rows]
    right = WIDTH - 12 - max(width_of(text) for text in texts)
    values = [v for row in rows for v in (row.value, *(row.span or ()))] + ([mark[0]] if mark else [])
    x = spanning([*values] if log else [0.0, *values], left, right, log=log, span=x_span)
    if not log and x_span is None:
        x = Scale(0.0 if min(v for v in [0.0, *values] if v is not None) >= 0 else x.low, x.high, left, right)
    top = LINE + 4 if mark else 6.0
    bottom = top + _ROW * len(rows)
    parts: list[str] = []
    for value in x.ticks(4):
        place = number(x(value))
        parts.append(element("path", d=f"M{place} {number(top)}V{number(bottom)}", class_="grid"))
        parts.append(label(tick_text(value), x(value), bottom + LINE, anchor="middle", kind="quiet"))
    for n, (row, text) in enumerate(zip(rows, texts, strict=True)):
        parts += _row(row, text, x, top + _ROW * (n + 0.5), left)
    if mark is not None:
        place = number(x(mark[0]))
        parts.append(element("path", d=f"M{place} {number(top)}V{number(bottom)}", class_="mark", stroke_width=2))
        anchor = "end" if x(mark[0]) > WIDTH / 2 else "start"
        parts.append(label(mark[1], x(mark[0]), top - 6, anchor=anchor, kind="quiet"))
    parts.append(label(x_label, WIDTH - 8, bottom + 2 * LINE, anchor="end", kind="quiet"))
    where = Box(8.0, top, WIDTH - 8, bottom)
    told = [
        (top + _ROW * (n + 0.5), row.name, [_told(row, text)])
        for n, (row, text) in enumerate(zip(rows, texts, strict=True))
    ]
    read = cells(where, [(WIDTH / 2, "")], told, (WIDTH - 16, _ROW), value=x_label)
    return drawing(title, description, parts, bottom + 2 * LINE + 10, [read])


def _told(row: Bar, text: str) -> str:
    """What is written behind a bar, with its spread."""
    return text if row.span is None else f"{text} ({short_text(row.span[0])} to {short_text(row.span[1])})"


def _row(row: Bar, text: str, x: Scale, middle: float, left: float) -> list[str]:
    parts = [label(row.name, left - 8, middle + 4.5, anchor="end")]
    behind = left
    if row.value is not None:
        base = x(0.0) if not x.log and x.low <= 0 <= x.high else left
        end = x(min(max(row.value, x.low), x.high))
        behind = max(base, end)
        parts.append(
            element("rect", x=min(base, end), y=middle - _THICK / 2, width=max(abs(end - base), 1.0), height=_THICK,
                    class_=f"f{row.colour}", opacity="0.85")
        )  # fmt: skip
    if row.span is not None:
        low, high = (x(min(max(v, x.low), x.high)) for v in row.span)
        whisker = f"M{number(low)} {number(middle)}H{number(high)}"
        ends = "".join(f"M{number(v)} {number(middle - 4)}v8" for v in (low, high))
        parts.append(element("path", d=whisker + ends, stroke="var(--tw-ink)", stroke_width=1.5, fill="none"))
        behind = max(behind, high)
    parts.append(label(text, behind + 5, middle + 4.5, kind="quiet"))
    return parts
