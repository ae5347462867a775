"""Random crop: the same thing, a few pixels to the side."""

import torch

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "crop", paper="https://arxiv.org/abs/1409.5185", limits={"padding": "(0, 0.5]"}, tune={"padding": (0.03, 0.15)}
)
def crop(draws: Draws, size: tuple[int, int], *, padding: float = 0.0625) -> Geometry:
    """Pad the image by reflection and cut a window of the old size out of it at random.

    Reach for it with any images that are not registered to the pixel; 1/16 of the side is 2 pixels of 32.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images.
        padding: Largest shift in each direction, as a share of the side; at least one pixel.

    Returns:
        Shift of each image's window in rows and columns, (N, 2) int64.

    Raises:
        BadValue: `padding` is outside (0, 0.5].

    Reference:
        Lee et al., "Deeply-Supervised Nets", 2014, section 3.2.
    """
    rows, columns = (max(1, round(padding * side)) for side in size)
    return Geometry(shift=torch.stack((draws.integers(-rows, rows), draws.integers(-columns, columns)), dim=1))
