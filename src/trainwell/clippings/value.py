"""Clip by value: cut every number of the gradient."""

import torch
from torch import Tensor

from trainwell.clippings import clippings, gradients
from trainwell.parameters import global_norm


@clippings.add("value", tune={"limit": (0.01, 10.0, "log")}, limits={"limit": "(0, inf)"})
@torch.no_grad()
def value(parameters: list[Tensor], *, limit: float = 1.0) -> Tensor:
    """Cut each number of each gradient to [-limit, limit]; the direction changes where one is cut.

    Args:
        parameters: Those whose gradients are clipped, all on one device.
        limit: Greatest size of a number.

    Returns:
        The norm before.

    Reference:
        Mikolov, "Statistical Language Models Based on Neural Networks", 2012, section 3.2.2.
    """
    found = gradients(parameters)
    before = global_norm(found)
    if found:
        torch._foreach_clamp_min_(found, -limit)
        torch._foreach_clamp_max_(found, limit)
    return before
