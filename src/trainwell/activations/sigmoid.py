"""Sigmoid: squash into [0, 1]."""

from torch import nn

from trainwell.activations import activations


@activations.add("sigmoid", gain=4.0, initializer="xavier_uniform", zero_centred=False, saturates="both", monotone=True)
def sigmoid() -> nn.Module:
    """1 / (1 + e^-x): a firing rate; for a last layer rather than a hidden one.

    Its slope is at most 1/4, at 0, hence the gain of 4 (Glorot and Bengio's factor for it); it saturates beyond about
    |x| = 5 and is not zero-centred.

    Returns:
        x -> sigmoid(x), in (0, 1).

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 3.1.
    """
    return nn.Sigmoid()
