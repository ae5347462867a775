"""Standardise: mean 0 and standard deviation 1."""

import numpy as np

from trainwell.preprocessing import Affine, preprocessing, spread


@preprocessing.add(
    "standardize",
    paper="https://doi.org/10.1007/3-540-49430-8_2",
    centres=True,
    standardises=True,
    flattens=False,
)
def standardize(x: np.ndarray, rows: np.ndarray) -> Affine:
    """Bring each feature, or each channel, to mean 0 and standard deviation 1.

    y = (x - mean) / deviation, both over the training rows, and over all pixels of a channel; the deviation has divisor
    n. A feature that does not vary (a deviation under 1e-6 of its largest value) is only centred.

    Reach for it when the data is a table, whose features have different units; it is a safe choice for images too.

    Leave it when features are bounded and mean something at 0, as counts that are mostly 0, or when an outlier sets the
    deviation: look at the data first.

    Cost: one pass over the training rows; two numbers a feature or channel.

    Args:
        x: All of the data, uint8 (N, H, W, C) or (N, F).
        rows: Training rows, (n,) int64.

    Returns:
        What applies it, of the same shape; the training rows have mean 0 and variance 1.

    Raises:
        BadData: There are no training rows, or the data is no array.

    Reference:
        LeCun et al., "Efficient BackProp", 1998, section 4.3.
    """
    return spread(x, rows)
