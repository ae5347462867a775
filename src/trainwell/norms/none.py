"""None: no norm."""

from torch import nn

from trainwell.norms import check_dimensions, norms


@norms.add("none")
def none(features: int, dimensions: int) -> nn.Module:  # noqa: ARG001
    """Leave the signal as it is: initialisation alone keeps its spread.

    Args:
        features: Not needed.
        dimensions: Dimensions beyond them.

    Returns:
        x -> x.

    Reference:
        Zhang, Dauphin, Ma, "Fixup Initialization: Residual Learning Without Normalization", 2019, on doing without.
    """
    check_dimensions("none", dimensions)
    return nn.Identity()
