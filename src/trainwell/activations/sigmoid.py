"""Sigmoid: squash into [0, 1]."""

from torch import nn

from trainwell.activations import activations


@activations.add(
    "sigmoid",
    paper="https://proceedings.mlr.press/v9/glorot10a.html",
    range=(0.0, 1.0),
    zero_centred=False,
    saturates="both",
    smooth=True,
    monotone=True,
    convex=False,
    uses_exp=True,
    gain=4.0,
    gain_rule="slope",
    initializer="xavier_uniform",
)
def sigmoid() -> nn.Module:
    """Squash into [0, 1]: a firing rate, or a probability.

    Definition: 1 / (1 + e^-x). Its slope is at most 1/4, at 0, hence the gain of 4; it saturates beyond about |x| = 5
    and is not zero-centred. In a stack its factor shrinks gradients at least 4x a layer; weights that are large enough
    make up for it and then saturate it.

    Reach for it when the last layer answers yes or no for each output by itself (the loss `bce` holds it already), or
    for a gate.

    Leave it when it is for hidden layers of a deep network: gradients vanish. Then `relu`, or `tanh` if it has to
    squash.

    Cost: an exponential; no parameters.

    Returns:
        (any shape) -> (the same shape), in (0, 1).

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 3.1.
    """
    return nn.Sigmoid()
