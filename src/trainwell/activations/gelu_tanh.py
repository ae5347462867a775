"""GELU by a tanh."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "gelu_tanh",
    paper="https://arxiv.org/abs/1606.08415",
    range=(-0.170041, math.inf),
    zero_centred=False,
    saturates="below",
    smooth=True,
    monotone=False,
    convex=False,
    uses_exp=True,
    gain=1.533581,
    initializer="he_normal",
)
def gelu_tanh() -> nn.Module:
    """GELU with a tanh in place of the error function.

    Definition: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. Within 0.0005 of `gelu`, farthest at |x| = 2.70.

    Reach for it when weights are to be used that were trained with it (GPT-2, BERT), or where it is faster than the
    error function.

    Leave it when neither holds: `gelu` is exact.

    Cost: a tanh; no parameters.

    Returns:
        (any shape) -> (the same shape), in [-0.170, inf).

    Reference:
        Hendrycks, Gimpel, "Gaussian Error Linear Units", 2016, section 2.
    """
    return nn.GELU(approximate="tanh")
