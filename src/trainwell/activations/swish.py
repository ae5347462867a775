"""Swish (SiLU): the input weighed by its own sigmoid."""

import math

import torch
from torch import Tensor, nn

from trainwell.activations import activations


class Swish(nn.Module):
    """x sigmoid(b x).

    Args:
        beta: b, or where it starts.
        learn: Whether b is a parameter.
    """

    beta: Tensor

    def __init__(self, beta: float, learn: bool) -> None:
        super().__init__()
        start = torch.tensor([beta])
        if learn:
            self.beta = nn.Parameter(start)
        else:
            self.register_buffer("beta", start, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """(any shape) -> (the same shape)."""
        return values * torch.sigmoid(self.beta * values)


@activations.add(
    "swish",
    paper="https://arxiv.org/abs/1710.05941",
    tune={"beta": (0.5, 2.0)},
    limits={"beta": "(0, inf)"},
    range=(-0.278465, math.inf),
    zero_centred=False,
    saturates="below",
    smooth=True,
    monotone=False,
    convex=False,
    uses_exp=True,
    gain=1.676532,
    initializer="he_normal",
)
def swish(*, beta: float = 1.0, learn: bool = False) -> nn.Module:
    """The input times its own sigmoid: a smooth ReLU with a dip.

    Definition: x sigmoid(b x), with b fixed or learnt, one number for the layer. b towards 0 gives x / 2, a large b
    ReLU; b = 1 is also called SiLU. Its minimum is -0.278 / b at -1.278 / b, its slope at most 1.100.

    Reach for it when a deep convolutional network has room for a gain over ReLU; b learnt where data abounds.

    Leave it when the network is small and time counts: `relu` needs none of the exponentials.

    Cost: a sigmoid; with b = 1 fixed one pass over the values, else three. One parameter a layer where b is learnt.

    Args:
        beta: b, or where it starts.
        learn: Whether b is learnt.

    Returns:
        (any shape) -> (the same shape), in [-0.278 / b, inf).

    Reference:
        Ramachandran, Zoph, Le, "Searching for Activation Functions", 2017, section 4.
    """
    return nn.SiLU() if beta == 1.0 and not learn else Swish(beta, learn)
