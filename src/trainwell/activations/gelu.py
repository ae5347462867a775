"""GELU: weigh the input by the chance that a normal draw lies below it."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "gelu",
    paper="https://arxiv.org/abs/1606.08415",
    range=(-0.169971, math.inf),
    zero_centred=False,
    saturates="below",
    smooth=True,
    monotone=False,
    convex=False,
    uses_exp=True,
    gain=1.533530,
    initializer="he_normal",
)
def gelu() -> nn.Module:
    """x times the probability that a standard normal draw is below x: a smooth ReLU with a dip.

    Definition: x Phi(x) = x (1 + erf(x / sqrt(2))) / 2. Smooth everywhere, neither monotone nor convex; its minimum is
    -0.170 at -0.752, its slope at most 1.129, at sqrt(2).

    Reach for it when building a transformer or a modern convolutional network, or as a trial beside ReLU.

    Leave it when the network is small and time counts: `relu` needs none of the exponentials.

    Cost: an error function, backwards too; no parameters. `gelu_tanh` and `gelu_sigmoid` approximate it.

    Returns:
        (any shape) -> (the same shape), in [-0.170, inf).

    Reference:
        Hendrycks, Gimpel, "Gaussian Error Linear Units", 2016, section 2.
    """
    return nn.GELU()
