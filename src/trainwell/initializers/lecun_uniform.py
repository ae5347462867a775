"""LeCun, uniform: keep the spread of the signal through linear layers."""

import math

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("lecun_uniform", paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf", wants_gain=True)
def lecun_uniform(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Draw uniformly with variance 1 / fan_in, that is within sqrt(3 / fan_in).

    What SELU asks for, with light tails.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on the spread: the gain of the activation that follows.

    Reference:
        LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.6.
    """
    bound = gain * math.sqrt(3.0 / fans.fan_in)
    tensor.uniform_(-bound, bound, generator=generator)
