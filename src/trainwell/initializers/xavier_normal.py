"""Xavier (Glorot), normal: keep the spread of signal and gradient about alike."""

import math

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("xavier_normal", paper="https://proceedings.mlr.press/v9/glorot10a.html", wants_gain=True)
def xavier_normal(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Draw from a normal with variance 2 / (fan_in + fan_out).

    Both directions keep their variance only where fan_in = fan_out; else it is a compromise.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on the spread: the gain of the activation that follows.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 4.2.
    """
    tensor.normal_(0.0, gain * math.sqrt(1.0 / fans.average), generator=generator)
