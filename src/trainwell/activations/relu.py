"""ReLU: cut off what is negative."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "relu",
    paper="https://proceedings.mlr.press/v15/glorot11a.html",
    gain=math.sqrt(2.0),
    initializer="he_normal",
    zero_centred=False,
    saturates="below",
    monotone=True,
)
def relu() -> nn.Module:
    """max(0, x): cheap, does not saturate above 0; a unit that is never above 0 is dead.

    Returns:
        x -> max(0, x), in [0, inf).

    Reference:
        Glorot, Bordes, Bengio, "Deep Sparse Rectifier Neural Networks", 2011, section 3.
    """
    return nn.ReLU()
