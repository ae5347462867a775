"""Lens distortion: straight lines bent as by a cheap lens."""

from trainwell.augmentations import Geometry, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "lens_distortion",
    paper="https://arxiv.org/abs/1501.02876",
    limits={"k": "[0, 0.33]"},  # r (1 + k r^2) folds back within the image from k = -1/3 on
    tune={"k": (0.05, 0.3)},
    kind="geometry",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def lens_distortion(draws: Draws, size: tuple[int, int], *, k: float = 0.2) -> Geometry:  # noqa: ARG001
    """Bend the image about its centre, as a barrel or as a pincushion.

    Definition: the output at distance r from the centre shows the image at r (1 + c r^2) in the same direction, r = 1
    at the corners; c is uniform in [-`k`, `k`]. c > 0 is a barrel, c < 0 a pincushion. This is the first term of
    Brown's radial model.

    Reach for it when images come from several lenses, wide ones above all, or shapes are all that tells classes apart.

    Leave it when one camera takes all images, or lines must stay straight: documents, plans.

    Cost: a sampling grid, several times the price of a flip. A barrel fills the corners by reflection.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images in pixels.
        k: Largest coefficient: how far the corners move, as a share of their distance from the centre.

    Returns:
        The coefficient of each image, (N,) float32 in [-k, k].

    Raises:
        BadValue: `k` is outside [0, 0.33].

    Reference:
        Wu et al., "Deep Image: Scaling up Image Recognition", 2015, on data augmentation; Brown, "Close-Range Camera
        Calibration", 1971 (radial distortion).
    """
    return Geometry(lens=draws.uniform(-k, k))
