"""PCA colour: another colour of the light, along the directions in which colours vary."""

import torch

from trainwell.augmentations import Colour, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "pca_color",
    paper="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
    limits={"std": "[0, inf)"},
    tune={"std": (0.03, 0.3, "log")},
    kind="colour",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def pca_color(draws: Draws, size: tuple[int, int], *, std: float = 0.1) -> Colour:  # noqa: ARG001
    """Add a random multiple of each principal component of the training pixels' colours to the whole image.

    Definition: v <- v + sum_i a_i s_i p_i with a_i ~ N(0, std^2), one draw an image; p_i are the eigenvectors of the
    covariance of the colours of all training pixels and s_i^2 its eigenvalues. The paper multiplies by the eigenvalue
    s_i^2, which has a size only together with a unit (values in 0..1); the standard deviation s_i goes with any.

    Reach for it when the colour and the brightness of the light change from photo to photo: the widest component is
    close to grey, so it is mostly a change of brightness.

    Leave it when colour decides, or where `color_jitter` is used already, which does more.

    Cost: about a copy of the batch; no parameters; the covariance is taken once, from the training split.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images.
        std: Standard deviation of the multiples.

    Returns:
        The multiples of each image, (N, 3) float32, in standard deviations of the components, the widest first.

    Raises:
        BadValue: `std` is negative.

    Reference:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
        section 4.1.
    """
    # Half a step is added to the 2^24 equal steps of a uniform draw, so that none is 0, where the quantile is infinite.
    unit = torch.stack([draws.uniform() for _ in range(3)], dim=1).double() + 2.0**-25
    return Colour(lighting=(std * torch.special.ndtri(unit)).float())
