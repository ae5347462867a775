"""SELU: a scaled ELU under which a plain stack normalises itself."""

from torch import nn

from trainwell.activations import activations


@activations.add(
    "selu",
    paper="https://arxiv.org/abs/1706.02515",
    gain=1.0,
    initializer="lecun_normal",
    zero_centred=True,
    saturates="below",
    monotone=True,
)
def selu() -> nn.Module:
    """1.0507 x (elu with alpha = 1.6733): keeps mean 0 and variance 1 from layer to layer.

    Holds for standardised inputs, LeCun-normal weights with a gain of 1 (torch's `calculate_gain` says 3/4, which
    breaks the fixed point), zero biases and a plain stack: no skips, no other norm, no plain dropout.

    Returns:
        x -> selu(x), in (-1.7581, inf).

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, equation 2.
    """
    return nn.SELU()
