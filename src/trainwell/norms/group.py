"""Group norm: mean and variance over groups of channels of a sample."""

from torch import nn

from trainwell.errors import BadValue
from trainwell.norms import check_dimensions, norms


@norms.add(
    "group",
    paper="https://arxiv.org/abs/1803.08494",
    tune={"num_groups": (1, 2, 4, 8, 16, 32)},
    limits={"num_groups": "[1, inf)", "eps": "(0, inf)"},
)
def group(features: int, dimensions: int, *, num_groups: int = 32, eps: float = 1e-5) -> nn.Module:
    """Normalise groups of channels of each sample; then scale and shift each channel.

    Reach for it where batches are too small for batch norm.

    Args:
        features: Number of features or channels, a multiple of `num_groups`.
        dimensions: Dimensions beyond them, over which the mean is taken too.
        num_groups: Number of groups; 1 is layer norm, one a channel is instance norm.
        eps: Added to the variance.

    Returns:
        torch's group norm.

    Raises:
        BadValue: The groups do not divide the features.

    Reference:
        Wu, He, "Group Normalization", 2018, section 3.
    """
    check_dimensions("group", dimensions)
    if features % num_groups:
        divisors = [n for n in range(1, features + 1) if features % n == 0]
        raise BadValue(f"group.num_groups={num_groups} does not divide {features} features. Take one of {divisors}.")
    return nn.GroupNorm(num_groups, features, eps=eps)
