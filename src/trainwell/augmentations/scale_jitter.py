"""Scale jitter: the image enlarged by a random factor, and a window of the old size cut out of it."""

import torch

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws
from trainwell.errors import BadValue


@augmentations.add(
    "scale_jitter",
    paper="https://arxiv.org/abs/1409.1556",
    limits={"min_share": "(0, 1]", "max_share": "(0, 1]"},
    tune={"min_share": (0.4, 0.9)},
    kind="geometry",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
    photo_scale="min_share",
)
def scale_jitter(
    draws: Draws, size: tuple[int, int] | torch.Tensor, *, min_share: float = 224 / 480, max_share: float = 224 / 256
) -> Geometry:
    """Enlarge the image by a random factor and cut a window of the old size out of it at random.

    Definition: VGG and ResNet scale the shorter side to S, uniform in [256, 480] for ResNet, and cut 224 x 224 at a
    random place. Photos read from files are kept whole at the largest S, in proportion for other sizes than 224, and so
    it is here: a square window of 224 / S of the short side, scaled to the size of the network's input; S is uniform,
    its inverse the share. Where images are stored at that size, as arrays are, the window has that share of either
    side, rounded to whole pixels, so that shapes are kept.

    Reach for it with photos in which things come at several sizes; it is milder than `resized_crop`, which also
    stretches, and better suited to short trainings.

    Leave it when size means something. Images are never shown whole: where the border matters, raise `max_share` to 1.

    Cost: one interpolation, at the price of a flip for large images and of a rotation for small ones. Stored images are
    enlarged, and so blurred; photos are not, unless the files are small.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images in pixels, or those of each photo, (N, 2) int64.
        min_share: Smallest share of either side that is shown, 224 / 480.
        max_share: Largest share of either side that is shown, 224 / 256.

    Returns:
        The window of each image in whole pixels, (N, 4) float32.

    Raises:
        BadValue: A share is outside (0, 1], or the smallest is above the largest.

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016, section 3.4; Simonyan and Zisserman, "Very
        Deep Convolutional Networks for Large-Scale Image Recognition", 2015, section 3.1.
    """
    if min_share > max_share:
        raise BadValue(
            f"scale_jitter.min_share={min_share} is above max_share={max_share}. Expected the smaller one first."
        )
    share = 1 / draws.uniform(1 / max_share, 1 / min_share).to(torch.float64)
    sides = torch.as_tensor(size)
    of = sides.amin(dim=1, keepdim=True) if sides.ndim == 2 else sides
    extent = (share[:, None] * of).round().clamp(min=1).expand(-1, 2)
    place = torch.stack((draws.uniform(), draws.uniform()), dim=1).to(torch.float64)
    first = (place * (sides - extent + 1)).floor()
    return Geometry(window=torch.cat((first, extent), dim=1).to(torch.float32))
