"""What torch's own linear and convolution layers start with."""

import math

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add(
    "torch_default", paper="https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html", variance=1 / 3
)
def torch_default(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Draw as torch does when nothing is said.

    Definition: w uniform within 1 / sqrt(fan_in), that is with variance 1 / (3 fan_in). It is smaller than any rule
    asks for; norms make up for it. (torch writes it as He's uniform rule with a = sqrt(5).) Biases become 0 here, where
    torch draws them too.

    Reach for it when a result is to be compared with one of plain torch, or a norm stands behind each layer.

    Leave it when the network is deep and has no norms: a ReLU layer keeps a sixth of the second moment.

    Cost: none beyond the draws.

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
