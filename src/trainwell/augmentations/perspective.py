"""Perspective: the image as a plane seen at an angle."""

import torch
from torch import Tensor

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "perspective",
    paper="https://arxiv.org/abs/1606.03798",
    limits={"distortion": "[0, 1)"},
    tune={"distortion": (0.1, 0.6)},
    kind="geometry",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def perspective(draws: Draws, size: tuple[int, int], *, distortion: float = 0.4) -> Geometry:
    """Map the output's corners to random places near the image's corners, and all between by the projective map.

    Definition: each corner moves inwards by a share of half the side, uniform in [0, `distortion`], rows and columns
    for themselves. The projective map from the output's rectangle to this quadrilateral is the one through the four
    pairs of corners. The output thus lies inside the image and nothing has to be filled in; torchvision maps the image
    into the quadrilateral instead, and leaves black around it.

    Reach for it with flat things seen from changing places: signs, documents, fronts of houses.

    Leave it when all images are taken from straight above or ahead, and for data that is no picture of space.

    Cost: a sampling grid, several times the price of a flip; nothing to fill.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images in pixels.
        distortion: Furthest that a corner moves in, as a share of half of each side.

    Returns:
        The projective map of each image, (N, 3, 3) float32.

    Raises:
        BadValue: `distortion` is outside [0, 1).

    Reference:
        DeTone et al., "Deep Image Homography Estimation", 2016, section 3 (random corners); Heckbert, "Fundamentals of
        Texture Mapping and Image Warping", 1989, section 2.2.3 (square to quadrilateral).
    """
    height, width = size
    x, y = width / min(size), height / min(size)  # of the corner at the right and below
    # Clockwise from the upper left.
    across = [s * x * (1 - draws.uniform(0.0, distortion).to(torch.float64)) for s in (-1, 1, 1, -1)]
    along = [s * y * (1 - draws.uniform(0.0, distortion).to(torch.float64)) for s in (-1, -1, 1, 1)]
    first, second, third = _square_to(across, along).unbind(2)  # columns
    # The output's place (u, v) is ((u / x + 1) / 2, (v / y + 1) / 2) in the unit square.
    matrix = torch.stack((first / (2 * x), second / (2 * y), (first + second) / 2 + third), dim=2)
    return Geometry(matrix=(matrix / matrix[:, 2:, 2:]).to(torch.float32))


def _square_to(x: list[Tensor], y: list[Tensor]) -> Tensor:
    """The projective map of (0, 0), (1, 0), (1, 1), (0, 1) to four places, (N, 3, 3)."""
    right, below = (x[1] - x[2], y[1] - y[2]), (x[3] - x[2], y[3] - y[2])
    rest = (x[0] - x[1] + x[2] - x[3], y[0] - y[1] + y[2] - y[3])
    area = right[0] * below[1] - right[1] * below[0]
    g = (rest[0] * below[1] - rest[1] * below[0]) / area
    h = (right[0] * rest[1] - right[1] * rest[0]) / area
    rows = (
        *(x[1] - x[0] + g * x[1], x[3] - x[0] + h * x[3], x[0]),
        *(y[1] - y[0] + g * y[1], y[3] - y[0] + h * y[3], y[0]),
        *(g, h, torch.ones_like(g)),
    )
    return torch.stack(rows, dim=1).view(-1, 3, 3)
