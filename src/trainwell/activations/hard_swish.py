"""Hard swish: swish out of straight lines and a parabola."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "hard_swish",
    paper="https://arxiv.org/abs/1905.02244",
    range=(-0.375, math.inf),
    zero_centred=False,
    saturates="below",
    smooth=True,
    monotone=False,
    convex=False,
    uses_exp=False,
    gain=1.736657,
    initializer="he_normal",
)
def hard_swish() -> nn.Module:
    """Swish with the sigmoid replaced by a ramp: no exponential.

    Definition: x min(max(x + 3, 0), 6) / 6: 0 below -3, x above 3, a parabola between. Smooth at 0; its slope jumps at
    -3 and at 3. Its minimum is -3/8 at -3/2.

    Reach for it when the network is to run on a phone or in fixed-point numbers.

    Leave it when it runs where an exponential is hidden behind the matrix products: `swish` is smooth.

    Cost: a few comparisons and products; no parameters.

    Returns:
        (any shape) -> (the same shape), in [-0.375, inf).

    Reference:
        Howard et al., "Searching for MobileNetV3", 2019, section 5.2.
    """
    return nn.Hardswish()
