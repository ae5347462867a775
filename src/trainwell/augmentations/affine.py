"""Affine map: rotation, translation, scale and shear at once."""

import math

import torch

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "affine",
    paper="https://arxiv.org/abs/1003.0358",
    limits={
        "degrees": "[0, 180]",
        "translate": "[0, 1]",
        "scale": "[0, 1]",
        "shear": "[0, 45]",
    },
    tune={"degrees": (5.0, 30.0), "scale": (0.05, 0.3)},
    kind="geometry",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def affine(
    draws: Draws,
    size: tuple[int, int],
    *,
    degrees: float = 15.0,
    translate: float = 0.1,
    scale: float = 0.15,
    shear: float = 10.0,
) -> Geometry:
    """Shear, scale, turn and move the image, each by a random amount.

    Definition: a point q of the image, y down and the origin in the centre, comes to lie at p = s R(t) K q + m. K moves
    x by y tan(k), with the angle k uniform within `shear` degrees; R turns counter-clockwise by t, uniform within
    `degrees`; s is log-uniform in [1 / (1 + `scale`), 1 + `scale`]; m is uniform within `translate` of each side. The
    output is sampled through the inverse, q = K^-1 R(-t) (p - m) / s.

    Reach for it with handwriting and drawn symbols, and with small sets of things seen from several sides.

    Leave it when `flip` and `crop` suffice, as with photos mostly: they only copy. A value of 0
    switches a part of it off.

    Cost: a sampling grid, several times the price of a flip, whatever the number of parts. Four ranges to tune.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images in pixels.
        degrees: Largest angle of the rotation, to either side.
        translate: Largest move in each direction, as a share of the side.
        scale: Largest enlargement: 0.15 scales by up to 1.15 and down to 1 / 1.15.
        shear: Largest angle by which upright lines lean, in degrees.

    Returns:
        The inverse map of each image, (N, 3, 3) float32.

    Raises:
        BadValue: `degrees` is outside [0, 180], `translate` or `scale` outside [0, 1], `shear` outside [0, 45].

    Reference:
        Ciresan et al., "Deep Big Simple Neural Nets Excel on Handwritten Digit Recognition", 2010, on the deformation
        of the training set (15 degrees, 15 %; without its elastic part); Simard et al., "Best Practices for
        Convolutional Neural Networks Applied to Visual Document Analysis", 2003, section 2.
    """
    height, width = size
    angle = draws.uniform(-math.radians(degrees), math.radians(degrees))
    factor = draws.uniform(-math.log1p(scale), math.log1p(scale)).exp()
    lean = draws.uniform(-math.radians(shear), math.radians(shear)).tan()
    unit = min(size) / 2  # pixels
    right = draws.uniform(-translate, translate) * (width / unit)
    down = draws.uniform(-translate, translate) * (height / unit)
    cos, sin = angle.cos() / factor, angle.sin() / factor
    first, second = cos - lean * sin, -sin - lean * cos  # K^-1: x - y tan(k)
    zero = torch.zeros_like(angle)
    rows = (
        *(first, second, -first * right - second * down),
        *(sin, cos, -sin * right - cos * down),
        *(zero, zero, zero + 1),
    )
    return Geometry(matrix=torch.stack(rows, dim=1).view(-1, 3, 3))
