"""Identity: no activation."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "identity",
    paper="https://proceedings.mlr.press/v9/glorot10a.html",
    range=(-math.inf, math.inf),
    zero_centred=True,
    saturates="never",
    smooth=True,
    monotone=True,
    convex=True,
    uses_exp=False,
    gain=1.0,
    initializer="xavier_uniform",
)
def identity() -> nn.Module:
    """Pass the input on as it is.

    Definition: x. A stack of layers with nothing else between them is one linear layer, whatever its depth.

    Reach for it when it is the last layer, whose loss takes logits or numbers; or to see what depth without a bend is.

    Leave it when the layers are hidden ones that are to learn more than a line.

    Cost: none.

    Returns:
        (any shape) -> (the same shape), any number.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 4.2.
    """
    return nn.Identity()
