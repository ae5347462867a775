"""Global max pooling: the largest value of each channel."""

from torch import Tensor, nn

from trainwell.poolings import Overall, check_dimensions, poolings


@poolings.add("global_max", overall=True, shrinks=None, draws=False)
def global_max(features: int, dimensions: int) -> nn.Module:  # noqa: ARG001
    """Reduce each channel to its largest value: whether a feature is there, not where or how often.

    Where several positions share the largest value, they share its gradient.

    Reach for it when what is looked for may be anywhere and small, or training is to be short.

    Leave it when how much of the image a feature covers is the answer, or when maps are noisy: one value decides.

    Cost: one pass over the map, no parameters; a step moves only the positions that are largest.

    Args:
        features: Not needed.
        dimensions: Dimensions of the map, 1 to 3.

    Returns:
        (N, C, H, W) -> (N, C).

    Raises:
        BadValue: There are no dimensions to pool, or more than 3.

    Reference:
        Oquab et al., "Is object localization for free?", 2015, section 3.
    """
    check_dimensions("global_max", dimensions)
    return Overall(Tensor.amax)
