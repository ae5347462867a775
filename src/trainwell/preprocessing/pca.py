"""PCA: the directions along which the data varies most."""

import numpy as np

from trainwell.preprocessing import preprocessing, unit_of
from trainwell.preprocessing.projection import Projection, principal


@preprocessing.add(
    "pca",
    paper="https://doi.org/10.1080/14786440109462720",
    tune={"variance": (0.8, 1.0)},
    limits={"components": "[1, inf)", "variance": "(0, 1]"},
    centres=True,
    standardises=False,
    flattens=True,
    by_position=True,
)
def pca(
    x: np.ndarray,
    rows: np.ndarray,
    *,
    components: int | None = None,
    variance: float = 1.0,
    standardized: bool | None = None,
) -> Projection:
    """Turn the centred data so that its features do not correlate, by falling variance, and drop the last ones.

    y = V (x - mean) / d, the rows of V the eigenvectors of the covariance of the training rows with the largest
    eigenvalues, which are the variances of y (divisor n); d is 1, or the deviation of each feature where `standardized`
    (the covariance is then the correlation). Directions whose deviation is under 1e-6 of the largest are dropped. The
    largest entry of each row of V is positive, which settles its sign. Images are taken as rows of H W C values.

    Reach for it when there are more features than the rows can fill, and they correlate: spectra, small aligned images.

    Leave it when a network of convolutions is to follow, or when what matters varies little: the variance says nothing
    of the target.

    Cost: covariance and eigenvectors grow with F^2 n and F^3: under a second for 1000 features, ten for 3000, minutes
    for 8000; F K multiplications a sample; F K numbers kept with the model.

    Args:
        x: All of the data, uint8 (N, H, W, C) or (N, F), of at most 8192 features.
        rows: Training rows, (n,) int64.
        components: How many to keep at most; none keeps what `variance` asks for.
        variance: Share of the variance to keep; 1 keeps all that varies.
        standardized: Whether each feature is divided by its deviation first; none does so for tables, whose features
            have different units, and not for images.

    Returns:
        What applies it, (N, ...) -> (N, K). Its inverse is the nearest point in the kept directions.

    Raises:
        BadData: There are no training rows, nothing varies, there are too many features, or the data is no array.
        BadValue: More components are asked for than vary; later, samples of another shape.

    Reference:
        Pearson, "On lines and planes of closest fit to systems of points in space", 1901.
    """
    found = principal("pca", x, rows, components, variance, standardized)
    scale = np.ones_like(found.variances)
    return Projection(found.mean, found.spread, found.vectors, scale, x.shape[1:], unit_of(x), turned_back=False)
