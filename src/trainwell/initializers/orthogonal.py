"""Orthogonal: a rotation, scaled."""

import torch
from torch import Tensor, nn

from trainwell.initializers import Fans, initializers


@initializers.add("orthogonal", paper="https://arxiv.org/abs/1312.6120", wants_gain=True)
def orthogonal(
    tensor: Tensor,
    fans: Fans,  # noqa: ARG001
    generator: torch.Generator,
    *,
    gain: float = 1.0,
) -> None:
    """Draw a random (semi-)orthogonal matrix: the lengths of signals are kept exactly, at any depth, while linear.

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
