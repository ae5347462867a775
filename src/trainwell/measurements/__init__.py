"""Measurements: numbers taken from a step while training.

A member reads a `Step` and gives named numbers::

    (step: Step, *, ...) -> dict[str, Tensor]      # scalars, on the device; nothing waits for them

It changes nothing. Whether a number is good or bad is for `trainwell.diagnoses` to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainwell.family import Family

measurements = Family("measurements", __name__, "measurement")


@dataclass(frozen=True)
class Step:
    """One step of training, seen after the optimizer's step and before gradients are cleared.

    Args:
        step: Number of steps taken so far, this one included.
        total_steps: Number of steps of the whole training.
        loss: Loss of the batch, scalar, detached.
        model: The model, with the gradients of this step.
        optimizer: The optimizer, with its state.
        lr: Learning rate of this step, before any `rate_scale`.
        updates: What the optimizer's step added to each of `trainwell.parameters.weights_of(model)`, in their order.
        gradient_norm: Norm before clipping, where the gradients were clipped.
    """

    step: int
    total_steps: int
    loss: Tensor
    model: nn.Module
    optimizer: torch.optim.Optimizer
    lr: float
    updates: Sequence[Tensor]
    gradient_norm: Tensor | None = None
