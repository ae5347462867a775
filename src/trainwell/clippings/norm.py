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
    """Scale all gradients by one factor, so that together they are no longer than a limit.

    Definition: g <- g min(1, limit / (||g|| + 1e-6)), g being all gradients as one vector. The direction stays. The
    1e-6 is that of torch's `clip_grad_norm_`.

    Reach for it when the loss surges now and then, and always with recurrent networks, whose gradients grow with the
    length of the sequence.

    Leave it when it cuts in nearly every step: the rate is then no longer what was set; lower it, or raise the limit.
    It does nothing against gradients that vanish.

    Cost: one pass over the gradients for the norm and one for the scaling; 1.5x a step of a tiny network, nothing that
    shows in a large one. One number to tune: a few times the usual norm.

    Args:
        parameters: Those whose gradients are clipped, all on one device.
        limit: Greatest norm.

    Returns:
        The norm before: float32, at least 0.

    Reference:
        Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1.
    """
    found = gradients(parameters)
    before = global_norm(found)
    if found:
        torch._foreach_mul_(found, (limit / (before + 1e-6)).clamp(max=1.0))
    return before
