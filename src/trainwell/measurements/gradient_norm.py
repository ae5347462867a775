"""Gradient norm: how long the gradient is."""

import torch
from torch import Tensor

from trainwell.measurements import Step, measurements
from trainwell.parameters import global_norm


@measurements.add("gradient_norm", paper="https://arxiv.org/abs/1211.5063")
@torch.no_grad()
def gradient_norm(step: Step) -> dict[str, Tensor]:
    """L2 norm of the gradient, all parameters taken as one vector, before clipping.

    Args:
        step: Read.

    Returns:
        `gradient_norm`, at least 0; 0 where no parameter has a gradient.

    Reference:
        Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.
    """
    if step.gradient_norm is not None:
        return {"gradient_norm": step.gradient_norm}
    found = [parameter.grad for parameter in step.model.parameters() if parameter.grad is not None]
    return {"gradient_norm": global_norm(found)}
