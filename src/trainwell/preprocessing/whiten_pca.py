"""PCA whitening: components of variance 1."""

import numpy as np

from trainwell.preprocessing import preprocessing, unit_of
from trainwell.preprocessing.projection import Projection, floor, principal


@preprocessing.add(
    "whiten_pca",
    paper="https://doi.org/10.1080/00031305.2016.1277159",
    tune={"variance": (0.8, 1.0), "eps": (1e-6, 1.0, "log")},
    limits={"components": "[1, inf)", "variance": "(0, 1]", "eps": "[0, inf)"},
    centres=True,
    standardises=True,
    flattens=True,
    by_position=True,
)
def whiten_pca(
    x: np.ndarray,
    rows: np.ndarray,
    *,
    components: int | None = None,
    variance: float = 1.0,
    standardized: bool | None = None,
    eps: float | None = None,
) -> Projection:
    """Turn the data to its principal components, and bring each to variance 1: their covariance is the identity.

    y = S^-1 V (x - mean) / d with S = sqrt(variances + eps a): V, d and the variances as in pca, a the average variance
    of a feature. The notes add eps = 1e-5 as it is; as a share of a, it does not depend on the unit of the data. With
    eps above 0 weak components, mostly noise, stay below variance 1. Images are taken as rows of H W C values.

    Reach for it when features of a table correlate strongly and the network is to see all directions alike.

    Leave it when a network of convolutions is to follow (whiten_zca keeps images), or rows are few: the weak
    components are then noise, and are blown up. With a small eps so is what augmentations move, see whiten_zca.

    Cost: as pca. Tune eps, or variance, when the validation score suffers.

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
        What applies it, (N, ...) -> (N, K). Its inverse is the nearest point in the kept directions.

    Raises:
        BadData: There are no training rows, nothing varies, there are too many features, or the data is no array.
        BadValue: More components are asked for than vary; later, samples of another shape.

    Reference:
        Kessy, Lewin, Strimmer, "Optimal Whitening and Decorrelation", 2018, section 3, table 1: PCA whitening.
    """
    found = principal("whiten_pca", x, rows, components, variance, standardized)
    scale = np.sqrt(found.variances + floor(x, eps) * found.average)
    return Projection(found.mean, found.spread, found.vectors, scale, x.shape[1:], unit_of(x), turned_back=False)
