"""Orthogonal: a rotation, scaled."""

import torch
from torch import Tensor, nn

from trainwell.initializers import Fans, initializers


@initializers.add("orthogonal", paper="https://arxiv.org/abs/1312.6120", variance=1.0, takes_gain="all")
def orthogonal(
    tensor: Tensor,
    fans: Fans,  # noqa: ARG001
    generator: torch.Generator,
    *,
    gain: float = 1.0,
) -> None:
    """Draw a random matrix whose rows or columns stand at right angles.

    Definition: w w^T = gain^2 I, or w^T w where there are more outputs than inputs, uniform over all such matrices; a
    convolution is taken as the matrix (outputs, inputs x kernel area). While linear, a square layer keeps the lengths
    of signals and gradients exactly, at any depth, where random ones keep them on average and spread them ever more.

    Reach for it when the network is deep or recurrent and has no norms; with any activation, whose gain it takes.

    Leave it when the layers are very wide, for which its decomposition is slow, or a norm makes the scale moot.

    Cost: a QR decomposition per layer, cubic in the smaller side: about a second for 2000 x 2000.

    Args:
        tensor: Filled in place; rows are the outputs, all else the columns. Rows or columns, whichever are fewer, have
            length `gain` and stand at right angles.
        fans: Not needed.
        generator: Source of the draws.
        gain: Factor: the gain of the activation that follows.

    Reference:
        Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
        networks", 2014, section 3.
    """
    drawn = torch.empty(tensor.shape)
    nn.init.orthogonal_(drawn, gain, generator=generator)
    tensor.copy_(drawn)
