"""Large Gaussian: normal weights of one large spread, whatever the size of the layer."""

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add(
    "large_gaussian",
    paper="https://proceedings.mlr.press/v9/glorot10a.html",
    tune={"std": (0.1, 2.0, "log")},
    limits={"std": "[0, inf)"},
    by_fans=False,
)
def large_gaussian(
    tensor: Tensor,
    fans: Fans,  # noqa: ARG001
    generator: torch.Generator,
    *,
    std: float = 1.0,
    gain: float = 1.0,
) -> None:
    """Draw from a normal with one large spread for all layers.

    Definition: w ~ N(0, std^2) with std = 1 (the notes also show 0.5), whatever the fans. A layer multiplies the spread
    of the signal by about std sqrt(fan_in), 22 for 500 inputs: tanh and sigmoid stand at their limits almost everywhere
    and their slopes are 0, while the signal of a ReLU stack explodes.

    Reach for it when saturation or explosion is to be seen.

    Leave it when a network is to be trained.

    Cost: none beyond the draws.

    Args:
        tensor: Filled in place.
        fans: Not needed.
        generator: Source of the draws.
        std: Standard deviation.
        gain: Factor on it.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 3,
        on saturation.
    """
    tensor.normal_(0.0, std * gain, generator=generator)
