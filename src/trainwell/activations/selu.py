"""SELU: a scaled ELU under which a plain stack normalises itself."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "selu",
    paper="https://arxiv.org/abs/1706.02515",
    range=(-1.0507009873554805 * 1.6732632423543772, math.inf),  # equation 14: -lambda alpha
    zero_centred=True,
    saturates="below",
    smooth=False,
    monotone=True,
    convex=False,
    uses_exp=True,
    gain=1.0,
    initializer="lecun_normal",
)
def selu() -> nn.Module:
    """ELU scaled so that mean 0 and variance 1 are kept from layer to layer.

    Definition: 1.0507 times ELU with alpha = 1.6733; both numbers follow from asking that (0, 1) be a fixed point of
    mean and variance, which pulls in from around. Its slope jumps at 0 from 1.758 to 1.051.

    Its contract: standardised inputs, LeCun-normal weights with a gain of 1 (torch's `calculate_gain` says 3/4, which
    breaks the fixed point), zero biases, a plain stack without skips, and no L1 or L2, max-norm, batch norm or plain
    dropout. `alpha_dropout` is its partner.

    Reach for it when a deep stack of dense layers is to train without a norm, on standardised tables.

    Leave it when any part of the contract cannot be kept: with skips, norms or weight decay another one does as well.

    Cost: an exponential; no parameters.

    Returns:
        (any shape) -> (the same shape), in (-1.7581, inf).

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, equation 2.
    """
    return nn.SELU()
