"""Vertical flip: for what has no up and down."""

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "vflip",
    paper="https://arxiv.org/abs/1602.07576",
    limits={"p": "[0, 1]"},
    tune={"p": (0.1, 0.5)},
    kind="geometry",
    mixes_labels=False,
    mirrors="up_down",
    needs_classes=False,
)
def vflip(draws: Draws, size: tuple[int, int], *, p: float = 0.5) -> Geometry:  # noqa: ARG001
    """Mirror images up and down.

    Definition: row i shows row H - 1 - i of the image, with probability `p`, drawn afresh in each epoch.

    Reach for it when images have no upright position: seen from above, through a microscope, textures.

    Leave it when gravity shows: photos of rooms, animals and streets are hardly ever upside down.

    Cost: a copy of the pixels. No parameters to tune.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images in pixels.
        p: Probability of a flip.

    Returns:
        The images to flip, (N,) bool.

    Raises:
        BadValue: `p` is outside [0, 1].

    Reference:
        Cohen and Welling, "Group Equivariant Convolutional Networks", 2016, section 4.1 (the mirror images of the
        square as symmetries of the data).
    """
    return Geometry(vflip=draws.uniform() < p)
