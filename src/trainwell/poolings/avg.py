"""Average pooling: the mean of each window."""

from torch import nn

from trainwell.poolings import check_dimensions, poolings

_CLASSES = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


@poolings.add("avg", limits={"size": "[1, inf)"})
def avg(features: int, dimensions: int, *, size: int = 2) -> nn.Module:  # noqa: ARG001
    """Keep the mean of each window; windows do not overlap, and what is left over at the edge is dropped.

    Args:
        features: Not needed.
        dimensions: Dimensions of the map, 1 to 3.
        size: Side of a window; 1 changes nothing.

    Returns:
        (N, C, H, W) -> (N, C, H // size, W // size).

    Reference:
        LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section II.B.
    """
    check_dimensions("avg", dimensions)
    return _CLASSES[dimensions - 1](size)
