"""Small Gaussian: normal weights of one small spread, whatever the size of the layer."""

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("small_gaussian", tune={"std": (0.001, 0.1, "log")}, limits={"std": "[0, inf)"})
def small_gaussian(
    tensor: Tensor,
    fans: Fans,  # noqa: ARG001
    generator: torch.Generator,
    *,
    std: float = 0.01,
    gain: float = 1.0,
) -> None:
    """Draw from N(0, std^2): works for shallow networks, makes the signal of deep ones vanish.

    Args:
        tensor: Filled in place.
        fans: Not needed.
        generator: Source of the draws.
        std: Standard deviation.
        gain: Factor on it.

    Reference:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
        section 5.
    """
    tensor.normal_(0.0, std * gain, generator=generator)
