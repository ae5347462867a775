"""Identity: no activation."""

from torch import nn

from trainwell.activations import activations


@activations.add(
    "identity", gain=1.0, initializer="xavier_uniform", zero_centred=True, saturates="never", monotone=True
)
def identity() -> nn.Module:
    """Pass the input on as it is: what a last layer has, and what makes a deep network linear.

    Returns:
        x -> x.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 4.2.
    """
    return nn.Identity()
