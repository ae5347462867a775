"""Horizontal flip: an image and its mirror image show the same thing."""

import torch

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "flip",
    paper="https://arxiv.org/abs/2404.00498",
    limits={"p": "[0, 1]"},
    kind="geometry",
    mixes_labels=False,
    mirrors="left_right",
    needs_classes=False,
)
def flip(draws: Draws, size: tuple[int, int], *, p: float = 0.5, alternate: bool = True) -> Geometry:  # noqa: ARG001
    """Mirror images left and right.

    Definition: column j shows column W - 1 - j of the image, with probability `p`. With `alternate` an image is flipped
    in every other epoch, the first time by chance, so that each pair of epochs shows both sides of every image.

    Reach for it when a mirror image is as likely as the image: photos, and most of what has no handedness.

    Leave it when left and right mean something: digits, letters, road signs, which side of the body.

    Cost: a copy of the pixels. No parameters to tune; alternating saves some of the epochs that chance repeats.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images in pixels.
        p: Probability of a flip.
        alternate: Flip in every other epoch where `p` is 0.5. False draws afresh in each epoch.

    Returns:
        The images to flip, (N,) bool.

    Raises:
        BadValue: `p` is outside [0, 1].

    Reference:
        Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, section 3.6 (alternating flip).
    """
    if alternate and p == 0.5:
        first = draws.fixed().integers(0, 1).numpy()
        chosen = (first + draws.epochs) % 2 == 1
        return Geometry(flip=torch.from_numpy(chosen))
    return Geometry(flip=draws.uniform() < p)
