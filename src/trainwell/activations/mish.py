"""Mish: the input weighed by the tanh of its softplus."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "mish",
    paper="https://arxiv.org/abs/1908.08681",
    range=(-0.308843, math.inf),
    zero_centred=False,
    saturates="below",
    smooth=True,
    monotone=False,
    convex=False,
    uses_exp=True,
    gain=1.486848,
    initializer="he_normal",
)
def mish() -> nn.Module:
    """x times the tanh of its softplus: a smooth ReLU with a dip, close to swish.

    Definition: x tanh(log(1 + e^x)). Its minimum is -0.309 at -1.192, its slope at most 1.088.

    Reach for it when a detector or convolutional network that was tuned with it is rebuilt, or as a trial beside swish.

    Leave it when time counts: with tanh it is the dearest.

    Cost: an exponential and a logarithm or their like; no parameters.

    Returns:
        (any shape) -> (the same shape), in [-0.309, inf).

    Reference:
        Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2020, equation 1.
    """
    return nn.Mish()
