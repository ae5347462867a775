"""Max pooling: the largest of each window."""

from torch import nn

from trainwell.poolings import check_dimensions, poolings

_CLASSES = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)


@poolings.add("max", limits={"size": "[1, inf)"})
def max(features: int, dimensions: int, *, size: int = 2) -> nn.Module:  # noqa: ARG001
    """Keep the largest value of each window; windows do not overlap, and what is left over at the edge is dropped.

    Args:
        features: Not needed.
        dimensions: Dimensions of the map, 1 to 3.
        size: Side of a window; 1 changes nothing.

    Returns:
        (N, C, H, W) -> (N, C, H // size, W // size).

    Reference:
        Riesenhuber, Poggio, "Hierarchical models of object recognition in cortex", 1999.
    """
    check_dimensions("max", dimensions)
    return _CLASSES[dimensions - 1](size)
