"""Clip by norm: shorten the gradient, keep its direction."""

import torch
from torch import Tensor

from trainwell.clippings import clippings, gradients
from trainwell.parameters import global_norm


@clippings.add(
    "norm",
    paper="https://arxiv.org/abs/1211.5063",
    tune={"limit": (0.1, 10.0, "log")},
    limits={"limit": "(0, inf)"},
)
@torch.no_grad()
def norm(parameters: list[Tensor], *, limit: float = 1.0) -> Tensor:
    """Scale all gradients by min(1, limit / norm), the norm taken over all of them as one vector.

    Reach for it when the loss surges now and then, and always with recurrent networks.

    Args:
        parameters: Those whose gradients are clipped, all on one device.
        limit: Greatest norm.

    Returns:
        The norm before.

    Reference:
        Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1.
    """
    found = gradients(parameters)
    before = global_norm(found)
    if found:
        torch._foreach_mul_(found, (limit / (before + 1e-6)).clamp(max=1.0))
    return before
