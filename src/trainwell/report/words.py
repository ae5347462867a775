"""Numbers, durations and values as a person would write them."""

import math
from typing import Any

_MOST_LISTED = 8  # values of a list that are written out


def duration(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 59.95:  # what is not rounded to a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def number(value: float | None) -> str:
    """A number to four digits that count; whole ones as they are."""
    if value is None or not math.isfinite(value):
        return "not finite"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if 1e-3 <= abs(value) < 1e5:
        text = f"{value:,.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = f"{value:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def value(given: Any) -> str:
    """Any value of a JSON file in a line; long lists are cut short, and say how long they are."""
    if given is None:
        return "none"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, int | float):
        return number(given)
    if isinstance(given, dict):
        return ", ".join(f"{name} {value(inner)}" for name, inner in given.items()) or "none"
    if isinstance(given, list | tuple):
        shown = ", ".join(value(inner) for inner in given[:_MOST_LISTED]) or "none"
        return shown if len(given) <= _MOST_LISTED else f"{shown}, ... ({len(given):,} in all)"
    return str(given)


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 trial`, `1,200 trials`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
