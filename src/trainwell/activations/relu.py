"""ReLU: cut off what is negative."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "relu",
    paper="https://proceedings.mlr.press/v15/glorot11a.html",
    range=(0.0, math.inf),
    zero_centred=False,
    saturates="below",
    smooth=False,
    monotone=True,
    convex=True,
    uses_exp=False,
    gain=math.sqrt(2.0),
    initializer="he_normal",
)
def relu() -> nn.Module:
    """max(0, x): what is positive passes, what is negative becomes 0.

    Definition: max(0, x), with slope 1 above 0 and 0 below; torch takes 0 at 0 itself. It does not saturate above 0 and
    is not zero-centred. A unit that is never above 0 gets no gradient: it is dead.

    Reach for it when nothing speaks for another one: it is where to start, for hidden layers of any network.

    Leave it when many units die in spite of a lower rate and of He's initial weights (then `leaky_relu`, `elu`), or for
    a last layer, whose outputs it would keep at 0 or above.

    Cost: one comparison; no parameters, nothing to tune.

    Returns:
        (any shape) -> (the same shape), in [0, inf).

    Reference:
        Glorot, Bordes, Bengio, "Deep Sparse Rectifier Neural Networks", 2011, section 3.
    """
    return nn.ReLU()
