"""Tanh: a zero-centred squash."""

from torch import nn

from trainwell.activations import activations


@activations.add(
    "tanh",
    paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf",
    gain=5.0 / 3.0,
    initializer="xavier_uniform",
    zero_centred=True,
    saturates="both",
    monotone=True,
)
def tanh() -> nn.Module:
    """2 sigmoid(2x) - 1: zero-centred, slope 1 at 0, saturates on both sides.

    Returns:
        x -> tanh(x), in (-1, 1).

    Reference:
        LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.4.
    """
    return nn.Tanh()
