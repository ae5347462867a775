"""Heat map: a table of numbers as squares, darker where they are larger, with the numbers in them."""

from collections.abc import Sequence

from trainwell.report.charts.frame import Box
from trainwell.report.charts.read import cells
from trainwell.report.charts.scale import short_text
from trainwell.report.charts.svg import LINE, WIDTH, drawing, element, label, width_of

_ROW = 30.0
_MOST_NAME = 170.0


def heat_map(
    title: str,
    description: str,
    values: Sequence[Sequence[float | None]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    x_label: str,
    y_label: str,
    span: tuple[float, float] | None = None,
    form: str | None = None,
) -> str:
    """Draw a table of numbers.

    Args:
        title: What it shows.
        description: What is to be seen in it, in words.
        values: One row a sequence; None leaves a square empty.
        rows: Names of the rows, the first on top.
        columns: Names of the columns.
        x_label: What the columns are.
        y_label: What the rows are.
        span: Values of the palest and the darkest square; None goes by the values.
        form: How a number is written; None writes three digits.
    """
    known = [value for row in values for value in row if value is not None]
    low, high = span or (min(known, default=0.0), max(known, default=1.0))
    left = min(_MOST_NAME, max(width_of(name) for name in rows)) + 14
    width = (WIDTH - left - 8) / len(columns)
    top = 2 * LINE + 6
    parts = [label(y_label, 8, LINE - 4, kind="quiet"), label(x_label, WIDTH - 8, LINE - 4, anchor="end", kind="quiet")]
    for place, name in enumerate(columns):
        parts.append(label(name, left + width * (place + 0.5), top - 8, anchor="middle"))
    told = []
    for row, (name, numbers) in enumerate(zip(rows, values, strict=True)):
        y = top + _ROW * row
        parts.append(label(name, left - 8, y + _ROW / 2 + 4.5, anchor="end"))
        texts = ["–" if v is None else format(v, form) if form else short_text(v) for v in numbers]
        told.append((y + _ROW / 2, f"{y_label} {name}", texts))
        for place, value in enumerate(numbers):
            share = 0.0 if value is None or high <= low else min(max((value - low) / (high - low), 0.0), 1.0)
            x = left + width * place
            parts.append(element("rect", x=x + 1, y=y + 1, width=width - 2, height=_ROW - 2, rx=3, class_="f1",
                                 opacity=f"{0.06 + 0.54 * share:.2f}"))  # fmt: skip
            parts.append(label(texts[place], x + width / 2, y + _ROW / 2 + 4.5, anchor="middle"))
    where = Box(left, top, WIDTH - 8, top + _ROW * len(rows))
    middles = [(left + width * (place + 0.5), name) for place, name in enumerate(columns)]
    read = cells(where, middles, told, (width, _ROW), label=x_label)
    return drawing(title, description, parts, where.bottom + 8, [read])
