"""Group norm: mean and variance over groups of channels of a sample."""

from torch import nn

from trainwell.errors import BadValue
from trainwell.norms import check_dimensions, norms

_GROUPS = 32  # the paper's number


@norms.add(
    "group",
    paper="https://arxiv.org/abs/1803.08494",
    tune={"num_groups": (1, 2, 4, 8, 16, 32)},
    limits={"num_groups": "[1, inf)", "eps": "(0, inf)"},
    over_batch=False,
    smallest_batch=1,
    needs_positions=False,
    absorbs_bias=False,
    normalises=True,
)
def group(features: int, dimensions: int, *, num_groups: int | None = None, eps: float = 1e-5) -> nn.Module:
    """Normalise groups of channels of each sample; then scale and shift each channel.

    y = weight (x - mean) / sqrt(variance + eps) + bias, one mean and variance for each sample and each group of
    features / num_groups neighbouring channels, over these and all positions. The same in training and evaluation.

    Reach for it when images are so large that only a few fit into a batch.

    Leave it when batches are large: batch norm then scores higher. On rows a group of one feature is always 0.

    Cost: two passes over the signal, two parameters a channel, one number to choose.

    Args:
        features: Number of features or channels, a multiple of `num_groups`.
        dimensions: Dimensions beyond them, 0 to 3, over which the mean is taken too.
        num_groups: Number of groups; 1 is layer norm, one a channel is instance norm. None takes the paper's 32, or the
            most that divide the features and leave two in each.
        eps: Added to the variance.

    Returns:
        torch's group norm, (N, F, ...) -> the same shape.

    Raises:
        BadValue: The groups do not divide the features, a group on rows has one feature, or there are more than 3
            dimensions.

    Reference:
        Wu, He, "Group Normalization", 2018, section 3.
    """
    check_dimensions("group", dimensions)
    if num_groups is None:
        num_groups = max((n for n in range(1, _GROUPS + 1) if features % n == 0 and 2 * n <= features), default=1)
    divisors = [n for n in range(1, features + 1) if features % n == 0 and (dimensions > 0 or n < features)]
    if num_groups not in divisors:
        raise BadValue(
            f"group.num_groups={num_groups} does not divide {features} features into groups that have a spread. "
            f"Expected one of {divisors}; with none, take another norm."
        )
    return nn.GroupNorm(num_groups, features, eps=eps)
