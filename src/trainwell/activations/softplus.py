"""Softplus: the logarithm of 1 + e^x."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "softplus",
    paper="https://proceedings.mlr.press/v15/glorot11a.html",
    limits={"beta": "(0, inf)"},
    range=(0.0, math.inf),
    zero_centred=False,
    saturates="below",
    smooth=True,
    monotone=True,
    convex=True,
    uses_exp=True,
    gain=1.041867,
    initializer="he_normal",
)
def softplus(*, beta: float = 1.0) -> nn.Module:
    """A smooth ReLU that is positive everywhere; its slope is the sigmoid.

    Definition: log(1 + e^(b x)) / b; a large b is ReLU. log(2) / b at 0. torch takes x itself where b x > 20, which
    changes nothing beyond 2e-9. Its mean output for a standard normal input is 0.81, most of its second moment: deep
    stacks of it make samples alike.

    Reach for it when an output has to be positive: a scale, a rate, a variance.

    Leave it when it is for hidden layers: ReLU is cheaper, and as good or better there.

    Cost: an exponential and a logarithm; no parameters.

    Args:
        beta: b, the sharpness of the bend.

    Returns:
        (any shape) -> (the same shape), in (0, inf).

    Reference:
        Glorot, Bordes, Bengio, "Deep Sparse Rectifier Neural Networks", 2011, section 3.
    """
    return nn.Softplus(beta)
