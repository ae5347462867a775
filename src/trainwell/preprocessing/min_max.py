"""Min-max: a fixed range."""

import numpy as np

from trainwell.errors import BadValue
from trainwell.preprocessing import Affine, affine, chunks, per_feature, preprocessing


@preprocessing.add(
    "min_max",
    paper="https://scikit-learn.org/stable/modules/preprocessing.html",
    centres=False,
    standardises=False,
    flattens=False,
)
def min_max(x: np.ndarray, rows: np.ndarray, *, low: float = 0.0, high: float = 1.0) -> Affine:
    """Bring the smallest training value of each feature, or channel, to `low` and the largest to `high`.

    y = low + (high - low) (x - smallest) / (largest - smallest), over the training rows, and over all pixels of a
    channel. New values may lie outside. A feature that does not vary goes to `low`.

    Reach for it when features have hard bounds, or the network needs inputs of a fixed range.

    Leave it when there are outliers: one squeezes all the rest of its feature. standardize feels it less.

    Cost: one pass over the training rows; two numbers a feature or channel.

    Args:
        x: All of the data, uint8 (N, H, W, C) or (N, F).
        rows: Training rows, (n,) int64.
        low: Lower end of the range.
        high: Upper end of the range.

    Returns:
        What applies it, of the same shape; the training rows lie in low..high.

    Raises:
        BadData: There are no training rows, or the data is no array.
        BadValue: `low` is not below `high`.

    Reference:
        scikit-learn, `MinMaxScaler`.
    """
    if not low < high:
        raise BadValue(f"min_max.low={low} is not below min_max.high={high}. Expected low < high.")
    smallest, largest = np.array(np.inf), np.array(-np.inf)
    for chunk in chunks(x, rows):
        smallest = np.minimum(smallest, chunk.min(axis=0))
        largest = np.maximum(largest, chunk.max(axis=0))
    smallest, largest = per_feature(smallest, x).min(axis=0), per_feature(largest, x).max(axis=0)
    found = affine(x, smallest, largest - smallest, np.maximum(np.abs(smallest), np.abs(largest)))
    # (x - smallest) / range * (high - low) + low, written as one offset and one scale.
    scale = found.scale / (high - low)
    return Affine(found.offset - low * scale, scale, found.unit, found.constant)
