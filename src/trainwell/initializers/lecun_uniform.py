"""LeCun, uniform: keep the spread of the signal through linear layers."""

import math

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add(
    "lecun_uniform", paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf", variance=1.0, takes_gain="others"
)
def lecun_uniform(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Draw uniformly with a variance that makes up for the number of inputs.

    Definition: w uniform within sqrt(3 / fan_in), that is with variance 1 / fan_in, with fan_in = kernel area x input
    channels / groups for a convolution.

    A linear layer then keeps the variance of the signal (the notes call it Xavier). In front of a rectifier it stays
    what it is, and each ReLU layer then halves the second moment.

    Reach for it when the activation is SELU, whose contract asks for it, or a squash whose layers have unequal fans and
    whose signal matters more than its gradient.

    Leave it when the layers are followed by ReLU or its kin: `he_normal`.

    Cost: none beyond the draws.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on the spread: the gain of the activation that follows, unless that is a rectifier.

    Reference:
        LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.6.
    """
    bound = gain * math.sqrt(3.0 / fans.fan_in)
    tensor.uniform_(-bound, bound, generator=generator)
