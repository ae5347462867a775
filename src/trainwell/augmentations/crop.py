"""Random crop: the same thing, a few pixels to the side."""

import torch

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "crop",
    paper="https://arxiv.org/abs/1409.5185",
    limits={"padding": "(0, 0.5]"},
    tune={"padding": (0.03, 0.15)},
    kind="geometry",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def crop(draws: Draws, size: tuple[int, int], *, padding: float = 0.0625) -> Geometry:
    """Pad the image and cut a window of the old size out of it at random.

    Definition: rows and columns shift independently by whole pixels, uniform in -m .. m with m = `padding` times the
    side, rounded, at least 1. What comes in from outside is a reflection at the edge; the usual padding is with zeros,
    whose black border is a hint on the shift.

    Reach for it with any images that are not registered to the pixel; 1/16 of the side is 2 pixels of 32.

    Leave it when the place within the image is what is to be learnt.

    Cost: a copy of the pixels. Much padding pushes the thing out of the picture: tune it on small data sets.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images in pixels.
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
