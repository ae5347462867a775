"""Long series with fewer points, which look the same."""

from itertools import pairwise

import numpy as np


def thin(x: np.ndarray, y: np.ndarray, most: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """A series with at most so many points, its extremes and its gaps kept.

    The series is cut into stretches of equal length; of each its lowest point, its highest and one gap, if there is
    any, stay. So do the first point and the last.

    Args:
        x: Places, (N,).
        y: Values, (N,); NaN is a gap.
        most: Points that may be left, at least 5.

    Returns:
        Places and values, (M,) with M <= `most`, in the order they came.
    """
    assert len(x) == len(y) and most >= 5, f"{len(x)} places, {len(y)} values, at most {most} points"
    count = len(x)
    if count <= most:
        return x, y
    gaps = np.isnan(y)
    low, high = np.where(gaps, np.inf, y), np.where(gaps, -np.inf, y)
    edges = np.linspace(0, count, (most - 2) // 3 + 1).astype(int)
    kept = {0, count - 1}
    for start, end in pairwise(edges):
        stretch = slice(start, end)
        if not gaps[stretch].all():
            kept |= {start + int(low[stretch].argmin()), start + int(high[stretch].argmax())}
        if gaps[stretch].any():
            kept.add(start + int(gaps[stretch].argmax()))
    places = np.array(sorted(kept))
    return x[places], y[places]
