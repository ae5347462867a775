"""He, uniform: keep the spread of the signal through ReLUs."""

import math

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("he_uniform", paper="https://arxiv.org/abs/1502.01852", variance=2.0, takes_gain="rectifiers")
def he_uniform(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Draw uniformly with a variance that makes up for what a ReLU cuts off.

    Definition: w uniform within sqrt(6 / fan_in), that is with variance 2 / fan_in, with fan_in = kernel area x input
    channels / groups for a convolution.

    ReLU cuts off half of the second moment, and the 2 makes up for it. A rectifier that cuts off another share has
    another gain, sqrt(2 / (1 + a^2)) for a leaky one (the paper, equation 15): `initialize` hands its ratio to the
    sqrt(2) that the definition holds, so that the variance becomes gain^2 / fan_in. In front of what is no rectifier it
    stays 2 / fan_in: twice what SELU asks for, less than the gains of tanh and sigmoid do.

    Reach for it when the layers are followed by ReLU or one of its kin: leaky, ELU, GELU, swish, mish, maxout.

    Leave it when the activation is tanh, sigmoid or none (`xavier_uniform`) or SELU (`lecun_normal`).

    Cost: none beyond the draws.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on the spread: the gain of the rectifier that follows, over the sqrt(2) of ReLU.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
    """
    bound = gain * math.sqrt(6.0 / fans.fan_in)
    tensor.uniform_(-bound, bound, generator=generator)
