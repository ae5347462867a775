"""Gradient norm: how long the gradient is."""

import torch
from torch import Tensor

from trainwell.measurements import Step, measurements
from trainwell.parameters import global_norm


@measurements.add("gradient_norm", paper="https://arxiv.org/abs/1211.5063")
@torch.no_grad()
def gradient_norm(step: Step) -> dict[str, Tensor]:
    """How long the gradient is, all parameters taken as one vector, before clipping.

    Definition: sqrt(sum g^2) over all numbers of all gradients of the step.

    Reach for it when a run is unstable or does not move: it grows by decades before a loss surges, and is near 0 where
    units are dead or saturated. Always recorded beside clipping, whose limit is chosen by it.

    Leave it when it is to be told which layer is at fault: one number for the whole network hides it.

    Cost: one pass over the gradients in the steps that measure; nothing where they are clipped, as clipping has it.

    Args:
        step: Read.

    Returns:
        `gradient_norm`: scalar, float32, at least 0; 0 where no parameter has a gradient.

    Reference:
        Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.
    """
    if step.gradient_norm is not None:
        return {"gradient_norm": step.gradient_norm}
    found = [parameter.grad for parameter in step.model.parameters() if parameter.grad is not None]
    return {"gradient_norm": global_norm(found)}
