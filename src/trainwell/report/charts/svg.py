"""What every chart is made of: elements, text that cannot break out, and the frame around a drawing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH = 480.0  # of every drawing, in its own units: text of 13 units is then 10 pixels high on a phone
TEXT = 13.0  # height of the text
LINE = 18.0  # from one line of text to the next
NUM_COLOURS = 6
_TITLE_SIZE = 15.0
_PER_LETTER = 0.56  # mean width of a letter of a sans serif, in text heights
_EDGE = 8.0

# 1 to 6 are the colours of Okabe and Ito, which the colour-blind tell apart, a little darker on paper and lighter on
# black. h0 to h3 go from what is calm to what is not, by lightness alone; l1, l2 and u1, u2 leave h0 below and above.
_STYLE = (
    """
.tw-chart{--tw-ink:#1d2026;--tw-quiet:#5c636e;--tw-grid:#dfe2e7;--tw-paper:#fff;--tw-1:#0067a5;--tw-2:#c64f00;
--tw-3:#00785a;--tw-4:#a8478a;--tw-5:#8a6a00;--tw-6:#3d4450;--tw-h0:#eef1f6;--tw-h1:#f6b64b;--tw-h2:#c2413b;--tw-h3:#3d0f4f;
--tw-l1:#6fb1e0;--tw-l2:#0a4f8f;--tw-u1:#f3a35c;--tw-u2:#a33c00;max-width:40rem;width:100%;height:auto;
font:13px system-ui,sans-serif}
@media screen and (prefers-color-scheme:dark){.tw-chart{--tw-ink:#e9ebef;--tw-quiet:#a3abb8;--tw-grid:#3a404a;
--tw-paper:#15181d;--tw-1:#5cb8f2;--tw-2:#ff9a4d;--tw-3:#3fcf9f;--tw-4:#e495c9;--tw-5:#e0c04a;--tw-6:#c3cad6;
--tw-h0:#262c3a;--tw-h1:#7a3585;--tw-h2:#ec6a4c;--tw-h3:#ffedb3;--tw-l1:#2f7fb8;--tw-l2:#a5deff;--tw-u1:#c2621c;
--tw-u2:#ffd69a}}
.tw-chart text{fill:var(--tw-ink)}.tw-chart .quiet{fill:var(--tw-quiet)}.tw-chart .title{font-size:15px;font-weight:600}
.tw-chart .heading{font-weight:600}.tw-chart .small{font-size:11px}
.tw-chart .grid{stroke:var(--tw-grid);fill:none}.tw-chart .axis{stroke:var(--tw-quiet);fill:none}
.tw-chart .mark{stroke:var(--tw-quiet);stroke-dasharray:2 3;fill:none}
""".replace("\n", "")
    + "".join(
        f".tw-chart .s{n}{{stroke:var(--tw-{n});fill:none}}.tw-chart .f{n}{{fill:var(--tw-{n})}}"
        for n in range(1, NUM_COLOURS + 1)
    )
)


def number(value: float) -> str:
    """A place or a length, to a tenth of a unit and no longer than it needs to be."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def element(tag: str, inside: str = "", /, **attributes: object) -> str:
    """An element; `class_` and `stroke_width` become `class` and `stroke-width`, and floats places.

    Args:
        tag: Its name.
        inside: What it holds: elements, or text that is escaped already.
        **attributes: Its attributes; those that are None are left out.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{number(v) if isinstance(v, float) else escape(str(v))}"'
        for name, v in attributes.items()
        if v is not None
    )
    return f"<{tag}{written}>{inside}</{tag}>" if inside else f"<{tag}{written}/>"


def label(words: str, x: float, y: float, *, anchor: str = "start", kind: str | None = None) -> str:
    """A line of text; its base line starts, is centred or ends (`anchor`) at the place."""
    return element("text", escape(words), x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=kind)


def width_of(words: str) -> float:
    """About how wide a line of text is."""
    return len(words) * TEXT * _PER_LETTER


def shortened(words: str, width: float, *, size: float = TEXT) -> str:
    """The text, or its beginning and its end where it is wider than that."""
    most = max(3, int(width / (size * _PER_LETTER)))
    if len(words) <= most:
        return words
    end = most * 3 // 5  # names of layers differ in their ends
    return f"{words[: most - 1 - end]}…{words[len(words) - end :]}"


def wrapped(words: str, width: float, *, size: float = TEXT) -> list[str]:
    """The text in lines of about that width at most."""
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and len(longer) * size * _PER_LETTER <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def colour(place: int) -> int:
    """Number of the colour of a series by its place, from 1."""
    return place % NUM_COLOURS + 1


def drawing(
    title: str, description: str, parts: Sequence[str], height: float, read: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The whole chart.

    Args:
        title: What it shows; stands above it, and is read out.
        description: What is to be seen in it, in words, for those who do not see it.
        parts: Elements, in a space `WIDTH` wide and `height` high below the title.
        height: Height without the title.
        read: What can be read off it, as `report/charts/read.py` has it.

    Returns:
        One `<svg>` element; the same input gives the same text.
    """
    lines = wrapped(title, WIDTH - 2 * _EDGE, size=_TITLE_SIZE)
    heads = [label(line, _EDGE, LINE * (n + 1), kind="title") for n, line in enumerate(lines)]
    above = LINE * len(lines) + _EDGE
    body = element("g", "".join(parts), transform=f"translate(0 {number(above)})")
    name = hashlib.blake2b((title + description + body).encode(), digest_size=5).hexdigest()
    return element(
        "svg",
        "".join(
            [
                element("title", escape(title), id=f"t{name}"),
                element("desc", escape(description), id=f"d{name}"),
                element("style", _STYLE),
                *heads,
                body,
            ]
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(WIDTH)} {number(above + height)}",
        class_="tw-chart",
        role="img",
        aria_labelledby=f"t{name} d{name}",
        data_read=json.dumps(read, separators=(",", ":"), ensure_ascii=False, allow_nan=False) if read else None,
    )


def legend(names: Sequence[tuple[str, int, str | None]], top: float, left: float = _EDGE) -> tuple[list[str], float]:
    """Names with a stroke of their colour, in as many rows as they need.

    Args:
        names: Name, colour and dash pattern of each series; those without a name are left out.
        top: Where it begins.
        left: Where its rows begin.

    Returns:
        The elements, and the height they take.
    """
    parts: list[str] = []
    x, row = left, 0
    for name, number_of_colour, dashes in names:
        if not name:
            continue
        needed = 24.0 + width_of(name) + 14.0
        if x > left and x + needed > WIDTH:
            x, row = left, row + 1
        y = top + LINE * (row + 1) - 5.0
        parts.append(
            element("path", d=f"M{number(x)} {number(y - 4)}h18", class_=f"s{number_of_colour}", stroke_width=3,
                    stroke_dasharray=dashes)
        )  # fmt: skip
        parts.append(label(name, x + 24.0, y))
        x += needed
    return parts, LINE * (row + 1) if parts else 0.0
