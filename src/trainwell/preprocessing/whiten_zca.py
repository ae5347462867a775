"""ZCA whitening: uncorrelated features that still look like the data."""

import numpy as np

from trainwell.preprocessing import preprocessing, unit_of
from trainwell.preprocessing.projection import Projection, floor, principal


@preprocessing.add(
    "whiten_zca",
    paper="https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf",
    tune={"eps": (1e-6, 1.0, "log")},
    limits={"components": "[1, inf)", "variance": "(0, 1]", "eps": "[0, inf)"},
    centres=True,
    standardises=True,
    flattens=False,
    by_position=True,
)
def whiten_zca(
    x: np.ndarray,
    rows: np.ndarray,
    *,
    components: int | None = None,
    variance: float = 1.0,
    standardized: bool | None = None,
    eps: float | None = None,
) -> Projection:
    """Whiten with the one matrix that changes the data least: images stay images, with their edges standing out.

    y = V' S^-1 V (x - mean) / d, with V, S and d as in whiten_pca: that, turned back to features. Of all whitenings its
    result is the nearest to the centred data (to the standardised data where d is not 1). Where all components are kept
    the covariance is the identity at eps = 0; of fewer it is the projection on them. A constant feature becomes 0.

    Reach for it when small images are to be whitened and a network of convolutions is to follow.

    Leave it when images are larger than about 50 x 50, or the network has batch norm, which leaves little to gain. A
    small eps and augmentations that move an image do not go together: the image is moved first, and what is then bright
    where the training images hardly vary (the rim of a digit) is blown up by orders of magnitude.

    Cost: as pca, and F^2 multiplications a sample: 9 million for 32 x 32 in colour. Tune eps: on images of 0..1, 0.1
    added to the variances is usual, which is an eps of 1 to 2 here.

    Args:
        x: All of the data, uint8 (N, H, W, C) or (N, F), of at most 8192 features.
        rows: Training rows, (n,) int64.
        components: How many to keep at most; none keeps what `variance` asks for.
        variance: Share of the variance to keep; 1 keeps all that varies.
        standardized: Whether each feature is divided by its deviation first; none does so for tables, whose features
            have different units, and not for images.
        eps: Added to the variances, as a share of the average variance of a feature; none takes 1e-5 for tables and 1
            for images, whose weak components augmentations would blow up. 0 whitens fully.

    Returns:
        What applies it, of the same shape. Its inverse is the nearest point in the kept directions.

    Raises:
        BadData: There are no training rows, nothing varies, there are too many features, or the data is no array.
        BadValue: More components are asked for than vary; later, samples of another shape.

    Reference:
        Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, appendix A; Kessy, Lewin, Strimmer,
        "Optimal Whitening and Decorrelation", 2018, section 3.
    """
    found = principal("whiten_zca", x, rows, components, variance, standardized)
    scale = np.sqrt(found.variances + floor(x, eps) * found.average)
    return Projection(found.mean, found.spread, found.vectors, scale, x.shape[1:], unit_of(x), turned_back=True)
