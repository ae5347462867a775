"""Dirac: convolutions that start by passing their input on."""

import torch
from torch import Tensor, nn

from trainwell.initializers import Fans, initializers
from trainwell.initializers.torch_default import torch_default


@initializers.add("dirac", paper="https://arxiv.org/abs/1706.00388", by_fans=False)
def dirac(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:
    """Let the first outputs of a convolution be its inputs, and draw the rest as torch does by default.

    Definition: w[o, i] is 1 at the middle of the kernel where o = i and 0 elsewhere, for as many outputs as a group has
    inputs; further outputs and linear weights are drawn as `torch_default` does. With as many outputs as inputs the
    layer is the identity. It takes no gain: the signal passes a layer unchanged and shrinks at the activation.

    Reach for it when a convolutional network has a norm behind each layer: information passes at once, at any depth.

    Leave it when there is no norm, or no convolution.

    Cost: none beyond the draws.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on all of it.

    Reference:
        Zagoruyko, Komodakis, "DiracNets", 2017, section 3; on the first outputs alone: Jordan, "94% on CIFAR-10 in 3.29
        Seconds on a Single GPU", 2024, section 3.3.
    """
    torch_default(tensor, fans, generator)
    if tensor.ndim > 2:
        nn.init.dirac_(tensor[: tensor.shape[1]])
    tensor.mul_(gain)
