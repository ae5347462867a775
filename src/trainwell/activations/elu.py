"""ELU: an exponential below 0."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "elu",
    paper="https://arxiv.org/abs/1511.07289",
    tune={"alpha": (0.1, 2.0)},
    limits={"alpha": "(0, inf)"},
    range=(-1.0, math.inf),
    zero_centred=False,
    saturates="below",
    smooth=True,
    monotone=True,
    convex=True,
    uses_exp=True,
    gain=1.245198,
    initializer="he_normal",
)
def elu(*, alpha: float = 1.0) -> nn.Module:
    """ReLU that bends into an exponential below 0, and so has a mean output nearer 0.

    Definition: x above 0, alpha (e^x - 1) below; the limit far below 0 is -alpha (the notes say the reciprocal). Smooth
    at 0 when alpha = 1, as the slope below starts at alpha; convex up to there.

    Reach for it when units die, or when there is no norm and a mean output nearer 0 (0.16 for a standard normal input,
    ReLU 0.40) is to save steps.

    Leave it when a norm centres the signal anyway, or on a device where the exponential is not hidden behind the matrix
    products.

    Cost: an exponential; no parameters.

    Args:
        alpha: The limit on the far negative side is -alpha.

    Returns:
        (any shape) -> (the same shape), in (-alpha, inf).

    Reference:
        Clevert, Unterthiner, Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2016,
        equation 15.
    """
    return nn.ELU(alpha)
