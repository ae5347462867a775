"""Global average pooling: the mean of each channel."""

from torch import Tensor, nn

from trainwell.poolings import Overall, check_dimensions, poolings


@poolings.add("global_avg", paper="https://arxiv.org/abs/1312.4400", overall=True, shrinks=None, draws=False)
def global_avg(features: int, dimensions: int) -> nn.Module:  # noqa: ARG001
    """Reduce each channel to its mean over the whole map.

    The head behind it then has one weight a channel and class, and does not depend on the size of the image.

    Reach for it when a deep network of convolutions needs a head: in place of wide fully connected layers.

    Leave it when what is looked for is small beside the image and would be averaged away, or its place is the answer.

    Cost: one pass over the map, no parameters.

    Args:
        features: Not needed.
        dimensions: Dimensions of the map, 1 to 3.

    Returns:
        (N, C, H, W) -> (N, C).

    Raises:
        BadValue: There are no dimensions to pool, or more than 3.

    Reference:
        Lin, Chen, Yan, "Network In Network", 2014, section 3.2.
    """
    check_dimensions("global_avg", dimensions)
    return Overall(Tensor.mean)
