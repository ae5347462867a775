"""Swish (SiLU): the input weighed by its own sigmoid."""

from torch import nn

from trainwell.activations import activations


@activations.add(
    "swish",
    paper="https://arxiv.org/abs/1710.05941",
    gain=1.676532,
    initializer="he_normal",
    zero_centred=False,
    saturates="below",
    monotone=False,
)
def swish() -> nn.Module:
    """x sigmoid(x): smooth, not monotone; its minimum is -0.278 at -1.278.

    Returns:
        x -> x sigmoid(x), in [-0.278, inf).

    Reference:
        Ramachandran, Zoph, Le, "Searching for Activation Functions", 2017, section 4.
    """
    return nn.SiLU()
