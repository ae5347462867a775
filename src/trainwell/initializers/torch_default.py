"""What torch's own linear and convolution layers start with."""

import math

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("torch_default", paper="https://arxiv.org/abs/1502.01852")
def torch_default(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Draw uniformly within 1 / sqrt(fan_in): variance 1 / (3 fan_in).

    It is smaller than any rule asks for, which norms make up for. (torch writes it as He's uniform rule, a = sqrt(5).)

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on the spread.

    Reference:
        PyTorch, `torch.nn.Linear.reset_parameters`.
    """
    bound = gain / math.sqrt(fans.fan_in)
    tensor.uniform_(-bound, bound, generator=generator)
