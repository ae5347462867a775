"""Max pooling: the largest of each window."""

from torch import nn

from trainwell.poolings import check_dimensions, poolings

_CLASSES = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)


@poolings.add("max", tune={"size": (2, 3, 4)}, limits={"size": "[1, inf)"}, overall=False, shrinks="size", draws=False)
def max(features: int, dimensions: int, *, size: int = 2) -> nn.Module:  # noqa: ARG001
    """Keep the largest value of each window.

    Windows of `size` positions a side do not overlap, and what is left over at the edge is dropped. The gradient goes
    to the largest value of a window alone.

    Reach for it when a network of convolutions is to ask whether a feature is near, not where exactly: the usual
    choice.

    Leave it when positions matter to the pixel (segmentation), or so little of the map is left that halving it is too
    much: fractional_max takes smaller steps.

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
        Riesenhuber, Poggio, "Hierarchical models of object recognition in cortex", 1999.
    """
    check_dimensions("max", dimensions)
    return _CLASSES[dimensions - 1](size)
