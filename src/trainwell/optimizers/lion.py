"""Lion: the sign of momentum is the step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trainwell.optimizers import Groups, optimizers, with_rates


class Lion(torch.optim.Optimizer):
    """Steps of one length in every parameter, along the sign of a momentum.

    Args:
        groups: Parameter groups with their `lr`.
        defaults: `lr`, `betas` and `weight_decay` of groups without their own.
    """

    def __init__(self, groups: Groups, defaults: dict[str, Any]) -> None:
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; gives what the closure gives, which computes the gradients first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            gradients: list[Tensor] = [p.grad for p in parameters]
            momenta = [self._momentum(p) for p in parameters]
            beta1, beta2 = group["betas"]
            signs = torch._foreach_lerp(momenta, gradients, 1.0 - beta1)
            torch._foreach_sign_(signs)
            torch._foreach_mul_(parameters, 1.0 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(parameters, signs, alpha=-group["lr"])
            torch._foreach_lerp_(momenta, gradients, 1.0 - beta2)
        return loss

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "exp_avg" not in state:
            state["exp_avg"] = torch.zeros_like(parameter)
        return state["exp_avg"]


@optimizers.add(
    "lion",
    paper="https://arxiv.org/abs/2302.06675",
    tune={"lr": (3e-5, 3e-3, "log"), "weight_decay": (3e-3, 1.0, "log")},
    limits={"lr": "(0, inf)", "beta1": "[0, 1)", "beta2": "[0, 1)", "weight_decay": "[0, inf)"},
    decay="decoupled",
    rate=(1e-6, 3e-3),
)
def lion(
    groups: Groups, *, lr: float = 3e-4, beta1: float = 0.9, beta2: float = 0.99, weight_decay: float = 0.03
) -> torch.optim.Optimizer:
    """Step along the sign of a momentum: every parameter moves by the rate, up or down.

    Definition: c = beta1 m + (1 - beta1) g; x <- (1 - lr weight_decay) x - lr sign(c); m <- beta2 m + (1 - beta2) g.

    The step leans on the present gradient more than the memory does, since beta1 < beta2. As every step has the same
    length in every parameter, only the schedule makes it smaller: end near 0. The rate is 3 to 10 times smaller than
    that of adamw, the decay as many times larger, so that their product stays; the defaults here are those of adamw
    divided and multiplied by 3.

    Reach for it when adamw works and memory is short, with batches of 64 and more.

    Leave it when batches are small: the sign of a noisy gradient is mostly noise.

    Cost: One number of state a parameter, half of adamw's; no root and no division. Rate and decay have to be tuned
    anew.

    Args:
        groups: Parameter groups.
        lr: Learning rate: the length of a step in every parameter.
        beta1: Share of the memory in the direction of the step.
        beta2: Memory of the gradient.
        weight_decay: Share of x, times lr, that a step takes away.

    Returns:
        The optimizer; its state is `exp_avg`, m.

    Raises:
        BadValue: There are no parameters.

    Reference:
        Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, program 1 and section 5.
    """
    return Lion(with_rates(groups, lr), {"lr": lr, "betas": (beta1, beta2), "weight_decay": weight_decay})
