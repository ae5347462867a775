"""Global max pooling: the largest value of each channel."""

from torch import Tensor, nn

from trainwell.poolings import Overall, check_dimensions, poolings


@poolings.add("global_max", overall=True)
def global_max(features: int, dimensions: int) -> nn.Module:  # noqa: ARG001
    """Reduce each channel to its largest value: whether a feature is there, not where or how often.

    Where several positions share the largest value, they share its gradient.

    Args:
        features: Not needed.
        dimensions: Dimensions of the map, 1 to 3.

    Returns:
        (N, C, H, W) -> (N, C).

    Reference:
        Oquab et al., "Is object localization for free?", 2015, section 3.
    """
    check_dimensions("global_max", dimensions)
    return Overall(Tensor.amax)
