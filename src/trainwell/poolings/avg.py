"""Average pooling: the mean of each window."""

from torch import nn

from trainwell.poolings import check_dimensions, poolings

_CLASSES = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


@poolings.add("avg", tune={"size": (2, 3, 4)}, limits={"size": "[1, inf)"}, overall=False, shrinks="size", draws=False)
def avg(features: int, dimensions: int, *, size: int = 2) -> nn.Module:  # noqa: ARG001
    """Keep the mean of each window.

    Windows of `size` positions a side do not overlap, and what is left over at the edge is dropped.

    Reach for it when all of a window counts: smooth signals, or the halving of a skip connection.

    Leave it when a feature is sparse: its one response in a window is divided by size^2. Max pooling keeps it.

    Cost: one pass over the map, no parameters; the maps behind it are size^2 times smaller.

    Args:
        features: Not needed.
        dimensions: Dimensions of the map, 1 to 3.
        size: Side of a window; 1 changes nothing.

    Returns:
        (N, C, H, W) -> (N, C, H // size, W // size).

    Raises:
        BadValue: There are no dimensions to pool, or more than 3.

    Reference:
        LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section II.B.
    """
    check_dimensions("avg", dimensions)
    return _CLASSES[dimensions - 1](size)
