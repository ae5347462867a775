"""Small Gaussian: normal weights of one small spread, whatever the size of the layer."""

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add(
    "small_gaussian",
    paper="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
    tune={"std": (0.001, 0.1, "log")},
    limits={"std": "[0, inf)"},
    by_fans=False,
)
def small_gaussian(
    tensor: Tensor,
    fans: Fans,  # noqa: ARG001
    generator: torch.Generator,
    *,
    std: float = 0.01,
    gain: float = 1.0,
) -> None:
    """Draw from a normal with one small spread for all layers.

    Definition: w ~ N(0, std^2) with std = 0.01, whatever the fans. A layer multiplies the spread of the signal by about
    std sqrt(fan_in), 0.22 for 500 inputs: in a deep stack signal and gradients vanish.

    Reach for it when the network is shallow, or a norm behind each layer restores the spread.

    Leave it when the network is deep and has no norms: `auto` goes by the fans.

    Cost: none beyond the draws; `std` to tune.

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
