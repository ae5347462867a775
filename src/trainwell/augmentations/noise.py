"""Noise: every value a little off."""

import torch

from trainwell.augmentations import Colour, augmentations
from trainwell.draws import Draws


@augmentations.add(
    "noise",
    paper="https://doi.org/10.1162/neco.1995.7.1.108",
    limits={"std": "[0, 1]"},
    tune={"std": (0.01, 0.2, "log")},
    kind="colour",
    mixes_labels=False,
    mirrors=None,
    needs_classes=False,
)
def noise(draws: Draws, size: tuple[int, int], *, std: float = 0.04) -> Colour:  # noqa: ARG001
    """Add independent normal noise to every value of every image.

    Definition: v <- v + 255 std n, n ~ N(0, 1), clamped to 0..255. For small noise and squared error it acts like a
    penalty on the slope of the network, std^2 |df/dx|^2 (Tikhonov). The n come from one table of 2^20 draws, which each
    image reads from a place of its own: two images may see the same stretch of it, shifted, and never in step.

    Reach for it when images in use are noisier than those of the training, or when a small network overfits.

    Leave it when fine texture decides; it does little against overfitting beside crops and flips.

    Cost: about two copies of the batch, and 4 MB; no parameters.

    Args:
        draws: Randomness of this batch, N images.
        size: Height and width of the images.
        std: Standard deviation as a share of the range of values; 0.04 is the mildest level of noise in CIFAR-10-C.

    Returns:
        Standard deviation in 0..255, (N,) float32, and the place in the table, (N,) int64.

    Raises:
        BadValue: `std` is outside [0, 1].

    Reference:
        Bishop, "Training with Noise is Equivalent to Tikhonov Regularization", 1995, equation 2.22. Hendrycks and
        Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", 2019, appendix A.
    """
    return Colour(noise=torch.full((len(draws),), 255 * std), noise_start=draws.integers(0, 2**31 - 1))
