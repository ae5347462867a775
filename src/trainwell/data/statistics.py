"""What augmentations need to know of the training pixels: their mean colour, and how the channels go together."""

import numpy as np
import torch
from torch import Tensor

from trainwell.draws import generator

_VALUES = 10_000_000  # looked at: the error of a mean is then under a thousandth of the spread


def pixel_statistics(x: np.ndarray, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the stored values of each channel over the training pixels.

    Args:
        x: Stored images, (N, H, W, C) uint8, possibly a memory map.
        rows: Rows of the training split; a fixed sample of them where there are many.

    Returns:
        Mean, (C,) float32, and covariance, (C, C) float32, in units of the stored values.
    """
    count = max(1, _VALUES // int(np.prod(x.shape[1:])))
    if len(rows) > count:
        rows = np.sort(generator("pixel statistics").choice(rows, count, replace=False))
    total = np.zeros(x.shape[-1])
    products = np.zeros((x.shape[-1], x.shape[-1]))
    pixels = 0
    for row in rows:
        values = x[row].reshape(-1, x.shape[-1]).astype(np.float64)
        total += values.sum(axis=0)
        products += values.T @ values
        pixels += len(values)
    mean = total / pixels
    covariance = products / pixels - np.outer(mean, mean)
    return torch.from_numpy(mean).float(), torch.from_numpy(covariance).float()
