"""Shades: how good a thing is among others, as one colour from pale to full, which any eye tells apart."""

from trainwell.report.charts.svg import LINE, element, label, width_of

_STEPS = 6
_PALEST = 12  # per cent of the full colour


def shade(share: float) -> str:
    """The colour of a share in [0, 1] for a `style` attribute; pale is 0, and both follow the mode of the reader.

    Browsers before 2023 do not know how to mix colours: what is shaded has the full colour as its class.
    """
    part = round(_PALEST + (100 - _PALEST) * min(max(share, 0.0), 1.0))
    return f"color-mix(in oklab,var(--tw-1) {part}%,var(--tw-grid))"


def shade_key(worst: str, best: str, left: float, top: float) -> list[str]:
    """The shades in a row, with words at both ends.

    Args:
        worst: At the pale end.
        best: At the full end.
        left: Where it begins.
        top: Where it begins.

    Returns:
        The elements; they are a line of text high.
    """
    parts = [label(worst, left, top + LINE - 5, kind="quiet")]
    x = left + width_of(worst) + 8
    for step in range(_STEPS):
        fill = f"fill:{shade(step / (_STEPS - 1))}"
        parts.append(element("rect", x=x + 14.0 * step, y=top + 2, width=14, height=12, class_="f1", style=fill))
    parts.append(label(best, x + 14.0 * _STEPS + 8, top + LINE - 5, kind="quiet"))
    return parts
