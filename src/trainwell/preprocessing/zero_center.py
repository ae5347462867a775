"""Zero-centre: mean 0."""

import numpy as np

from trainwell.preprocessing import Affine, preprocessing, spread, unit_of


@preprocessing.add(
    "zero_center",
    paper="https://arxiv.org/abs/1409.1556",
    centres=True,
    standardises=False,
    flattens=False,
)
def zero_center(x: np.ndarray, rows: np.ndarray) -> Affine:
    """Subtract the mean of each feature, or of each channel; the scale stays.

    y = x - mean, the mean over the training rows, and over all pixels of a channel; images are in 0..1. Inputs of one
    sign would give the weights of a unit gradients of one sign.

    Reach for it when inputs are images, whose channels share one unit: the default of VGG.

    Leave it when features have different units: standardize.

    Cost: one pass over the training rows; one number a feature or channel.

    Args:
        x: All of the data, uint8 (N, H, W, C) or (N, F).
        rows: Training rows, (n,) int64.

    Returns:
        What applies it, of the same shape; the training rows have mean 0.

    Raises:
        BadData: There are no training rows, or the data is no array.

    Reference:
        Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015, section 2.1.
    """
    found = spread(x, rows)
    return Affine(found.offset, np.ones_like(found.scale), unit_of(x), found.constant)
