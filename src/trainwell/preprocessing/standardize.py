"""Standardise: mean 0 and standard deviation 1."""

import numpy as np

from trainwell.preprocessing import Affine, preprocessing, spread


@preprocessing.add("standardize", paper="https://doi.org/10.1007/3-540-49430-8_2")
def standardize(x: np.ndarray, rows: np.ndarray) -> Affine:
    """Bring each feature, or each channel, to mean 0 and standard deviation 1.

    The choice for tables, whose features have different units, and a safe one for images. A feature that does not vary
    is only centred.

    Args:
        x: All of the data, uint8 (N, H, W, C) or (N, F).
        rows: Training rows, (n,) int64.

    Raises:
        BadData: There are no training rows.

    Reference:
        LeCun et al., "Efficient BackProp", 1998, section 4.3.
    """
    return spread(x, rows)
