"""Cutout: blank a square, so that no single part of the image decides."""

import torch

from trainwell.augmentations import Mask, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "cutout",
    paper="https://arxiv.org/abs/1708.04552",
    limits={"length": "(0, 1]"},
    tune={"length": (0.2, 0.6)},
    kind="mask",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def cutout(draws: Draws, size: tuple[int, int], *, length: float = 0.375) -> Mask:
    """Blank a square around a random pixel; near the edge a part of the square falls outside.

    Definition: the centre is uniform over the pixels, the side is `length` times the shorter side of the image, and
    what lies inside gets the mean colour of the training pixels, which is 0 after centring.

    Reach for it when the training loss falls well below the validation loss, and there is time to train longer.

    Leave it when the thing to be seen may be smaller than the square, or the network still underfits.

    Cost: a pass over the blanked values; no parameters. Training takes longer to reach the same training loss.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images.
        length: Side of the square, as a share of the shorter side of the image; 0.375 is 12 pixels of 32.

    Returns:
        The square of each image, (N, 4) int64: top, left, bottom, right in pixels; it may reach over the edge.

    Raises:
        BadValue: `length` is outside (0, 1].

    Reference:
        DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017, section 3.
    """
    height, width = size
    side = max(1, round(length * min(size)))
    top = draws.integers(0, height - 1) - side // 2
    left = draws.integers(0, width - 1) - side // 2
    return Mask(box=torch.stack((top, left, top + side, left + side), dim=1))
