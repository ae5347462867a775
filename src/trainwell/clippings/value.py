"""Clip by value: cut every number of the gradient."""

import torch
from torch import Tensor

from trainwell.clippings import clippings, gradients
from trainwell.parameters import global_norm


@clippings.add("value", tune={"limit": (0.01, 10.0, "log")}, limits={"limit": "(0, inf)"})
@torch.no_grad()
def value(parameters: list[Tensor], *, limit: float = 1.0) -> Tensor:
    """Cut each number of each gradient to a range about 0.

    Definition: g_i <- max(-limit, min(limit, g_i)). Where a number is cut the direction changes: (0.9, 100) cut at 1
    becomes (0.9, 1).

    Reach for it when single numbers of the gradient surge, and the rest of the step is to stay as it was.

    Leave it when the direction is to be kept, as it mostly is: `norm`.

    Cost: three passes over the gradients, as the norm is taken for the record. One number to tune, which depends on the
    scale of the loss.

    Args:
        parameters: Those whose gradients are clipped, all on one device.
        limit: Greatest size of a number.

    Returns:
        The norm before, of all gradients as one vector: float32, at least 0.

    Reference:
        Mikolov, "Statistical Language Models Based on Neural Networks", 2012, section 3.2.2.
    """
    found = gradients(parameters)
    before = global_norm(found)
    if found:
        torch._foreach_clamp_min_(found, -limit)
        torch._foreach_clamp_max_(found, limit)
    return before
