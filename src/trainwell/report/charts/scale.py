"""Scales: from values to places, with ticks at round numbers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ROOM = 0.04  # beyond the outermost values, as a share of what they span


@dataclass(frozen=True)
class Scale:
    """A straight or a logarithmic axis.

    Args:
        low: Value at `start`.
        high: Value at `end`, above `low`.
        start: Place of the lowest value.
        end: Place of the highest value; it may lie before `start`, as upward axes have it.
        log: Whether places go by the logarithm.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value."""
        low, high = (math.log(v) if self.log else v for v in (self.low, self.high))
        at = math.log(value) if self.log else value
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def shows(self, value: float | None) -> bool:
        """Whether the value is a number that has a place within the axis."""
        return value is not None and math.isfinite(value) and self.low <= value <= self.high

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the axis, `most` at the most."""
        return _log_ticks(self.low, self.high, most) if self.log else _straight_ticks(self.low, self.high, most)


def spanning(
    values: Iterable[float | None], start: float, end: float, *, log: bool = False, span: tuple[float, float] | None
) -> Scale:
    """A scale on which all finite values have a place; of a logarithmic one, those above 0.

    Args:
        values: What is to be shown.
        start: Place of the lowest value.
        end: Place of the highest value.
        log: Whether places go by the logarithm.
        span: Lowest and highest value; None goes by the values.
    """
    if span is not None:
        return Scale(*span, start, end, log)
    seen = [v for v in values if v is not None and math.isfinite(v) and (v > 0 or not log)]
    low, high = (min(seen), max(seen)) if seen else (1.0, 1.0)
    if log:
        room = (high / low) ** _ROOM if high > low else 2.0
        return Scale(low / room, high * room, start, end, log=True)
    room = (high - low) * _ROOM if high > low else max(1.0, abs(high)) * 0.5
    return Scale(low - room, high + room, start, end)


def tick_text(value: float) -> str:
    """A round number as it stands beside an axis: 0.01, 10,000, 10⁻⁵."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    if -4 < exponent < 5:
        return f"{value:,.10g}".replace("-", "−")
    factor = value / 10.0**exponent
    power = "10" + str(exponent).translate(_SUPERSCRIPTS)
    return power if math.isclose(factor, 1) else f"{factor:g}·{power}".replace("-", "−")


def short_text(value: float) -> str:
    """Any number in three digits: 0.0312, 1,240, 3.1·10⁻⁷."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else f"{value:g}"
    exponent = math.floor(math.log10(abs(value)))
    if -4 < exponent < 6:
        return f"{float(f'{value:.3g}'):,.10g}".replace("-", "−")
    return f"{value / 10.0**exponent:.1f}·10".replace("-", "−") + str(exponent).translate(_SUPERSCRIPTS)


def _straight_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        found = [f * 10.0**e for e in range(first - 1, last + 2) for f in (1, 2, 5)]
        within = [v for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
        return within if len(within) >= 2 else _straight_ticks(low, high, most)
    step = max(1, math.ceil((last - first + 1) / most))
    return [10.0**e for e in range(first, last + 1) if e % step == 0]
