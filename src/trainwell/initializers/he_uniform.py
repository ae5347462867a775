"""He, uniform: keep the spread of the signal through ReLUs."""

import math

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("he_uniform", paper="https://arxiv.org/abs/1502.01852")
def he_uniform(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Draw uniformly with variance 2 / fan_in, that is within sqrt(6 / fan_in).

    The 2 makes up for the half that ReLU and its kin cut off.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on the spread; the sqrt(2) of ReLU is in the definition and not to be given again.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
    """
    bound = gain * math.sqrt(6.0 / fans.fan_in)
    tensor.uniform_(-bound, bound, generator=generator)
