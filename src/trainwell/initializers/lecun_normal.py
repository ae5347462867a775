"""LeCun, normal: keep the spread of the signal through linear layers."""

import math

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("lecun_normal", paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf", wants_gain=True)
def lecun_normal(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Draw from a normal with variance 1 / fan_in.

    What SELU asks for.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on the spread: the gain of the activation that follows.

    Reference:
        LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.6.
    """
    tensor.normal_(0.0, gain * math.sqrt(1.0 / fans.fan_in), generator=generator)
