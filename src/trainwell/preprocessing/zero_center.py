"""Zero-centre: mean 0."""

import numpy as np

from trainwell.preprocessing import Affine, preprocessing, spread, unit_of


@preprocessing.add("zero_center", paper="https://arxiv.org/abs/1409.1556")
def zero_center(x: np.ndarray, rows: np.ndarray) -> Affine:
    """Subtract the mean of each feature, or of each channel; the scale stays.

    Enough for images, whose channels share one unit.

    Args:
        x: All of the data, uint8 (N, H, W, C) or (N, F).
        rows: Training rows, (n,) int64.

    Raises:
        BadData: There are no training rows.

    Reference:
        Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015, section 2.1.
    """
    found = spread(x, rows)
    return Affine(found.offset, np.ones_like(found.scale), unit_of(x), found.constant)
