"""Maxout: the largest of several linear pieces."""

import math

from torch import Tensor, nn

from trainwell.activations import activations
from trainwell.errors import BadValue


class Maxout(nn.Module):
    """Largest of each group of neighbouring channels.

    Args:
        pieces: Channels of a group.
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, values: Tensor) -> Tensor:
        """(N, pieces * F, ...) -> (N, F, ...)."""
        if values.ndim < 2 or values.shape[1] % self.pieces:
            raise BadValue(
                f"maxout of {self.pieces} pieces takes (N, C, ...) with C a multiple of {self.pieces}, got shape "
                f"{tuple(values.shape)}. Make the layer in front of it {self.pieces} times as wide."
            )
        return values.unflatten(1, (-1, self.pieces)).max(2).values

    def extra_repr(self) -> str:
        """The number of pieces."""
        return f"pieces={self.pieces}"


@activations.add(
    "maxout",
    paper="https://arxiv.org/abs/1302.4389",
    tune={"pieces": (2, 3, 4, 5)},
    limits={"pieces": "[2, inf)"},
    range=(-math.inf, math.inf),
    zero_centred=False,
    saturates="never",
    smooth=False,
    monotone=True,
    convex=True,
    uses_exp=False,
    gain=1.0,
    initializer="he_normal",
    elementwise=False,
    width_factor="pieces",
)
def maxout(*, pieces: int = 2) -> nn.Module:
    """The largest of k linear pieces: a convex function that is learnt.

    Definition: max over j = 1..k of z_j, the k neighbouring channels that make up one output; the layer in front has k
    times the outputs. ReLU is the case of two pieces one of which is 0. For two pieces E max(Z1, Z2)^2 = 1, so the gain
    is 1; it falls to 0.80 for four.

    Reach for it when dropout is strong and parameters are no concern: no unit saturates, none can die.

    Leave it when memory or data is scarce, or layers have skips, whose width has to match.

    Cost: k times the parameters and products of the layer in front, and a comparison.

    Args:
        pieces: k, inputs of one output.

    Returns:
        (N, k F, ...) -> (N, F, ...), any number.

    Raises:
        BadValue: The channels are no multiple of k.

    Reference:
        Goodfellow et al., "Maxout Networks", 2013, section 3.
    """
    return Maxout(pieces)
