"""None: no norm."""

from torch import nn

from trainwell.norms import check_dimensions, norms


@norms.add(
    "none",
    over_batch=False,
    smallest_batch=1,
    needs_positions=False,
    absorbs_bias=False,
    normalises=False,
)
def none(features: int, dimensions: int) -> nn.Module:  # noqa: ARG001
    """Leave the signal as it is: initialisation alone keeps its spread.

    y = x.

    Reach for it when the network is shallow, when SELU normalises by itself, or to see what a norm is good for.

    Leave it when the network is deep and plain, or the rate is to be high.

    Cost: nothing to compute; the initialisation and the rate have to be right.

    Args:
        features: Not needed.
        dimensions: Dimensions beyond them, 0 to 3.

    Returns:
        x -> x.

    Raises:
        BadValue: There are more than 3 dimensions.

    Reference:
        Zhang, Dauphin, Ma, "Fixup Initialization: Residual Learning Without Normalization", 2019, on doing without.
    """
    check_dimensions("none", dimensions)
    return nn.Identity()
