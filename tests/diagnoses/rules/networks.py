"""Stacks of layers that several tests of rules put together."""

from collections.abc import Callable

import torch
from torch import nn


def stack(*between: Callable[[], nn.Module], inputs: int = 192, width: int = 64, depth: int = 2) -> nn.Sequential:
    """Linear layers of LeCun's rule without biases, each with these modules behind it, and a small head."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for number in range(depth):
        linear = nn.Linear(width if number else inputs, width)
        nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, *(make() for make in between)]
    head = nn.Linear(width, 4)
    nn.init.normal_(head.weight, std=0.01)
    return nn.Sequential(*layers, head)
