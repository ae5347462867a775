"""Rotation: the image turned by a random angle."""

import math

import torch

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "rotate",
    paper="https://arxiv.org/abs/1003.0358",
    limits={"degrees": "[0, 180]"},
    tune={"degrees": (5.0, 30.0)},
    kind="geometry",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def rotate(draws: Draws, size: tuple[int, int], *, degrees: float = 15.0) -> Geometry:  # noqa: ARG001
    """Turn the image about its centre.

    Definition: the angle t is uniform in [-`degrees`, `degrees`], counter-clockwise where it is positive. The place
    (x, y) of the output, y down, shows the place (x cos t - y sin t, x sin t + y cos t) of the image.

    Reach for it when the camera or the thing may be tilted: handwriting, plants, things on a table; 180 degrees for
    what has no upright position.

    Leave it when things stand upright in all images, tests too, or the angle is what is to be learnt: 6 and 9.

    Cost: a sampling grid, several times the price of a flip; corners are filled by reflection.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images in pixels.
        degrees: Largest angle, to either side.

    Returns:
        The rotation of each image, (N, 3, 3) float32.

    Raises:
        BadValue: `degrees` is outside [0, 180].

    Reference:
        Ciresan et al., "Deep Big Simple Neural Nets Excel on Handwritten Digit Recognition", 2010, on the deformation
        of the training set (15 degrees).
    """
    angle = draws.uniform(-math.radians(degrees), math.radians(degrees))
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = (cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1)
    return Geometry(matrix=torch.stack(rows, dim=1).view(-1, 3, 3))
