"""Mean image: subtract the mean of every pixel."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from trainwell.errors import BadValue
from trainwell.preprocessing import Affine, Fitted, chunks, preprocessing, unit_of


class MeanImage(Fitted, kind="mean_image"):
    """Subtract the mean of every position.

    Args:
        mean: (H, W, C) in 0..1, or (F,).
        unit: Stored value that counts as 1.
    """

    def __init__(self, mean: np.ndarray, unit: float) -> None:
        self.mean = np.ascontiguousarray(mean, dtype=np.float32)
        self._affine = Affine(self.mean, np.ones_like(self.mean), unit)

    def apply(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.mean.shape:
            raise BadValue(
                f"The mean image was fitted on samples of shape {self.mean.shape}, got {tuple(x.shape[1:])}. "
                "Bring the data to the size of the training data."
            )
        return self._affine.apply(x)

    def inverse(self, x: Tensor) -> Tensor:
        return self._affine.inverse(x)

    def state(self) -> dict[str, Any]:
        return {"unit": self._affine.unit}

    def arrays(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean}

    @classmethod
    def restored(cls, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "MeanImage":
        return cls(arrays["mean"], state["unit"])


@preprocessing.add(
    "mean_image",
    paper="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
    centres=True,
    standardises=False,
    flattens=False,
    by_position=True,
)
def mean_image(x: np.ndarray, rows: np.ndarray) -> MeanImage:
    """Subtract the mean of the training images from each image: one number a pixel position and channel.

    y = x - mean; images are in 0..1. On tables it is the mean of each feature, as with zero_center. Augmentations move
    the image before the mean is taken off, so that the mean stays where it was fitted.

    Reach for it when images are aligned, as faces, digits or scans: the mean is then a picture and says much.

    Leave it when objects stand anywhere: the mean image is grey, and the mean of a channel (zero_center) does the same
    with three numbers, for images of any size.

    Cost: one pass over the training rows; one number a pixel position, kept with the model.

    Args:
        x: All of the data, uint8 (N, H, W, C) or (N, F).
        rows: Training rows, (n,) int64.

    Returns:
        What applies it, of the same shape; the training rows have mean 0 at every position.

    Raises:
        BadData: There are no training rows, or the data is no array.
        BadValue: Later, images of another size.

    Reference:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section
        2.
    """
    total, count = np.zeros(1), 0
    for chunk in chunks(x, rows):
        total = total + chunk.sum(axis=0)
        count += len(chunk)
    return MeanImage((total / count).reshape(x.shape[1:]), unit_of(x))
