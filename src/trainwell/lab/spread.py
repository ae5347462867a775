"""Numbers over seeds, in words."""

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float], form: str = ".3g") -> str:
    """Mean and range of what the seeds gave: `0.632 (0.628 to 0.637)`; a single number stands alone."""
    mean = format(statistics.fmean(values), form)
    low, high = format(min(values), form), format(max(values), form)
    return mean if low == high else f"{mean} ({low} to {high})"


def middle(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Median at each place over rows of one length, such as curves of several seeds; None where a row has none."""
    return [_median(column) for column in zip(*rows, strict=True)]


def outline(rows: Sequence[Sequence[float | None]]) -> tuple[list[float | None], list[float | None]]:
    """Lowest and highest value at each place over rows of one length: a band around `middle`."""
    columns = [[v for v in column if v is not None] for column in zip(*rows, strict=True)]
    return [min(column, default=None) for column in columns], [max(column, default=None) for column in columns]


def _median(column: Sequence[float | None]) -> float | None:
    known = [value for value in column if value is not None]
    return statistics.median(known) if len(known) == len(column) else None
