"""Resized crop: a random part of the image, of random size and shape, scaled to fill it."""

import math

import torch

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws

_TRIES = 10  # as the usual implementations have it; the whole image is taken afterwards


@augmentations.add(
    "resized_crop",
    paper="https://arxiv.org/abs/1409.4842",
    limits={"min_area": "(0, 1]", "max_ratio": "[1, inf)"},
    tune={"min_area": (0.08, 0.6, "log")},
    kind="geometry",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
    photo_scale=256 / 224,
)
def resized_crop(
    draws: Draws, size: tuple[int, int] | torch.Tensor, *, min_area: float = 0.08, max_ratio: float = 4 / 3
) -> Geometry:
    """Cut a window of random area and aspect ratio out of the image and scale it to the full size.

    Definition: the area is a share a of the image's, uniform in [`min_area`, 1]; the aspect ratio r = width / height is
    log-uniform in [1 / `max_ratio`, `max_ratio`]; width sqrt(a r H W) and height sqrt(a H W / r) are rounded to whole
    pixels and the place is uniform. What does not fit is drawn again, up to 10 times; then the largest window in the
    middle is taken whose ratio is within the range. The paper says "aspect ratio chosen randomly between 3/4 and 4/3";
    drawn on the logarithm, neither shape is favoured. Photos are kept whole for it at a short side of 256 / 224 of the
    image size, and it cuts from all of them.

    Reach for it with photos and a network that trains for many epochs: it shows things at all sizes.

    Leave it when size means something, or images are small and little trained: a part of 8 % of 32 x 32 is 9 pixels
    wide. Raise `min_area` for short trainings.

    Cost: one interpolation, at the price of a flip for large images and of a rotation for small ones. The network sees
    things larger in training than in tests (Touvron et al., 2019), which costs a little accuracy at the same size.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images in pixels, or those of each photo, (N, 2) int64.
        min_area: Smallest share of the image's area.
        max_ratio: Largest ratio of width and height, and of height and width.

    Returns:
        The window of each image in whole pixels, (N, 4) float32.

    Raises:
        BadValue: `min_area` is outside (0, 1], or `max_ratio` is under 1.

    Reference:
        Szegedy et al., "Going Deeper with Convolutions", 2015, section 6 (training methodology).
    """
    sides = torch.as_tensor(size).expand(len(draws), 2)
    height, width = sides.unbind(1)
    rows = torch.minimum(height, (width.double() * max_ratio).round().long())
    columns = torch.minimum(width, (height.double() * max_ratio).round().long())
    place = torch.stack((draws.uniform(), draws.uniform()), dim=1).to(torch.float64)
    found = torch.zeros(len(draws), dtype=torch.bool)
    for _ in range(_TRIES):
        area = draws.uniform(min_area, 1.0).to(torch.float64) * (height * width)
        ratio = draws.uniform(-math.log(max_ratio), math.log(max_ratio)).to(torch.float64).exp()
        tall = (area / ratio).sqrt().round().to(torch.int64).clamp(min=1)
        wide = (area * ratio).sqrt().round().to(torch.int64).clamp(min=1)
        fits = ~found & (tall <= height) & (wide <= width)
        rows, columns = torch.where(fits, tall, rows), torch.where(fits, wide, columns)
        found |= fits
        if bool(found.all()):  # nothing is drawn behind this, so that it makes no difference to any image
            break
    extent = torch.stack((rows, columns), dim=1)
    room = sides - extent
    first = torch.where(found[:, None], (place * (room + 1)).floor(), room // 2)
    return Geometry(window=torch.cat((first, extent), dim=1).to(torch.float32))
