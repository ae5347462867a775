"""Global average pooling: the mean of each channel."""

from torch import Tensor, nn

from trainwell.poolings import Overall, check_dimensions, poolings


@poolings.add("global_avg", paper="https://arxiv.org/abs/1312.4400", overall=True)
def global_avg(features: int, dimensions: int) -> nn.Module:  # noqa: ARG001
    """Reduce each channel to its mean, so that the head does not depend on the size of the image.

    Args:
        features: Not needed.
        dimensions: Dimensions of the map, 1 to 3.

    Returns:
        (N, C, H, W) -> (N, C).

    Reference:
        Lin, Chen, Yan, "Network In Network", 2014, section 3.2.
    """
    check_dimensions("global_avg", dimensions)
    return Overall(Tensor.mean)
