"""Tanh: a zero-centred squash."""

from torch import nn

from trainwell.activations import activations


@activations.add(
    "tanh",
    paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf",
    range=(-1.0, 1.0),
    zero_centred=True,
    saturates="both",
    smooth=True,
    monotone=True,
    convex=False,
    uses_exp=True,
    gain=5.0 / 3.0,
    gain_rule="convention",
    initializer="xavier_uniform",
)
def tanh() -> nn.Module:
    """Squash into [-1, 1]: a sigmoid that is zero-centred.

    Definition: (e^x - e^-x) / (e^x + e^-x) = 2 sigmoid(2x) - 1. Its slope is 1 at 0, and 0 on both sides: it still
    saturates. Its gain is torch's 5/3; keeping the second moment of a standard normal takes 1.593, and the fixed point
    of either pulls in from around.

    Reach for it when a hidden signal has to stay bounded, as in recurrent networks, or an output in [-1, 1].

    Leave it when the network is deep and feed-forward: `relu` does not saturate above 0.

    Cost: an exponential; no parameters.

    Returns:
        (any shape) -> (the same shape), in (-1, 1).

    Reference:
        LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.4.
    """
    return nn.Tanh()
