"""Update ratio: how far a step moves the weights, beside their size."""

from typing import Any

import torch
from torch import Tensor, nn

from trainwell.measurements import Step, measurements
from trainwell.parameters import weights_of


@measurements.add("update_ratio")
@torch.no_grad()
def update_ratio(step: Step) -> dict[str, Tensor]:
    """Median over the weights of |update| / |weight|, both L2 norms; about 1e-3 is usual.

    The update is worked out from the gradient and the optimizer's state: lr times the velocity of SGD (with Nesterov
    the gradient plus momentum times the velocity), lr times Adam's direction, and lr times the gradient for optimizers
    that keep neither. What weight decay adds is left out. Of an even number of weights it is the lower median.

    Args:
        step: Read.

    Returns:
        `update_ratio`, at least 0; 0 where no weight has a gradient.

    Reference:
        Karpathy et al., CS231n, "Neural Networks Part 3", section on the ratio of weights and updates.
    """
    wanted = {id(weight) for weight in weights_of(step.model)}
    updates, weights = [], []
    for group in step.optimizer.param_groups:
        for weight in group["params"]:
            if id(weight) in wanted and weight.grad is not None:
                updates.append(_direction(weight, group, step.optimizer.state[weight]).float() * group["lr"])
                weights.append(weight.float())
    if not weights:
        return {"update_ratio": torch.zeros(())}
    moved, size = (torch.stack(torch._foreach_norm(tensors, 2.0)) for tensors in (updates, weights))
    return {"update_ratio": (moved / size.clamp_min(1e-12)).median()}


def _direction(weight: nn.Parameter, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    gradient = weight.grad
    assert gradient is not None
    if "exp_avg" in state and "exp_avg_sq" in state:
        beta1, beta2 = group["betas"]
        mean = state["exp_avg"] / (1.0 - beta1 ** state["step"])
        square = state["exp_avg_sq"] / (1.0 - beta2 ** state["step"])
        return mean / (square.sqrt() + group["eps"])
    velocity = state.get("momentum_buffer")
    if velocity is None:
        return gradient
    return gradient + group["momentum"] * velocity if group["nesterov"] else velocity
