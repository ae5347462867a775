"""A bowl: a loss whose best rate is known."""

import torch
from torch import nn


def sgd(model, lr):
    return torch.optim.SGD(model.parameters(), lr=lr)


class Bowl(nn.Module):
    """curvature / 2 * |w|^2, which plain gradient descent leaves for ever once lr > 2 / curvature."""

    def __init__(self, curvature: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(5))
        self.curvature = curvature

    def forward(self, _):
        return self.curvature / 2 * (self.weight**2).sum()


def bottomless(_):
    return None, None


def value(output, _):
    return output
