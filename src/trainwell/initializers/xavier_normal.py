"""Xavier (Glorot), normal: keep the spread of signal and gradient about alike."""

import math

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add(
    "xavier_normal", paper="https://proceedings.mlr.press/v9/glorot10a.html", variance=1.0, takes_gain="others"
)
def xavier_normal(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Draw from a normal between what the signal and what the gradient asks for.

    Definition: w ~ N(0, 2 / (fan_in + fan_out)). (The notes also give a standard deviation of 2 / sqrt(n + m), which is
    sqrt(2) too large, and 1 / sqrt(fan_in), which is LeCun's.)

    It is a compromise between 1 / fan_in, which keeps the variance of the signal, and 1 / fan_out, which keeps that of
    the gradient: both are kept only where the fans are equal. In front of a rectifier it stays what it is, and each
    ReLU layer then halves the second moment: a deep stack collapses.

    Reach for it when the activation is tanh, sigmoid or none; the gain of the activation is handed to it.

    Leave it when the layers are followed by ReLU or its kin (`he_normal`) or by SELU (`lecun_normal`).

    Cost: none beyond the draws.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on the spread: the gain of the activation that follows, unless that is a rectifier.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 4.2.
    """
    tensor.normal_(0.0, gain * math.sqrt(1.0 / fans.average), generator=generator)
