"""Muon: momentum with all its singular values brought to about 1."""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from trainwell.optimizers import Groups, fused, optimizers, with_rates

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # steepest at 0 of the quintics that stay near 1; Jordan, 2024
_ROUNDS = 5  # of the iteration: singular values from 0.002 upwards come to 0.7 .. 1.2; Jordan, 2024
_RMS = 0.2  # root mean square of adamw's usual steps, in units of the rate; Liu et al., 2025, section 2.2
_LEAST_NORM = 1e-7  # below this a momentum has no direction; keeps 0 / 0 from being NaN


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for the groups that ask for it, torch's AdamW for the others.

    Args:
        groups: Parameter groups with their `lr`, and `orthogonal`: whether its parameters are hidden weights.
        defaults: `lr`, `momentum`, `betas`, `eps` and `weight_decay` of groups without their own.
    """

    def __init__(self, groups: list[dict[str, Any]], defaults: dict[str, Any]) -> None:
        super().__init__(groups, defaults)
        rest = [group for group in self.param_groups if not group["orthogonal"]]
        self._rest = torch.optim.AdamW(rest, fused=fused(rest)) if rest else None
        self._share()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        """Let AdamW work on the same groups and the same state."""
        if self._rest is not None:
            self._rest.param_groups = [group for group in self.param_groups if not group["orthogonal"]]
            self._rest.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; gives what the closure gives, which computes the gradients first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["orthogonal"]:
                self._orthogonal_step(group)
        if self._rest is not None:
            self._rest.step()
        return loss

    def _orthogonal_step(self, group: dict[str, Any]) -> None:
        parameters = [p for p in group["params"] if p.grad is not None]
        if not parameters:
            return
        gradients: list[Tensor] = [p.grad for p in parameters]
        momenta = [self._momentum(p) for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1.0 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])  # Nesterov's
        torch._foreach_mul_(parameters, 1.0 - group["lr"] * group["weight_decay"])
        alike = defaultdict(list)  # weights of one shape are orthogonalised at once
        for index, parameter in enumerate(parameters):
            alike[parameter.shape].append(index)
        for shape, indices in alike.items():
            rows, columns = shape[0], shape[1:].numel()
            updates = orthogonalized(torch.stack([ahead[index].reshape(rows, columns) for index in indices]))
            length = group["lr"] * _RMS * math.sqrt(max(rows, columns))
            moves = [update.view(shape) for update in updates.to(parameters[indices[0]].dtype)]
            torch._foreach_add_([parameters[index] for index in indices], moves, alpha=-length)

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        return state["momentum_buffer"]


def orthogonalized(matrices: Tensor) -> Tensor:
    """U V' of each matrix U S V', nearly: its singular values come to about 1 by Newton-Schulz iteration.

    Args:
        matrices: (N, rows, columns).

    Returns:
        (N, rows, columns) in bfloat16, which the iteration forgives and which is several times faster.
    """
    a, b, c = _COEFFICIENTS
    wide = matrices.bfloat16()
    tall = matrices.shape[1] > matrices.shape[2]
    if tall:
        wide = wide.mT
    wide = wide / torch.linalg.vector_norm(wide, dim=(1, 2), keepdim=True).clamp_min(_LEAST_NORM)
    for _ in range(_ROUNDS):
        gram = wide @ wide.mT
        wide = torch.baddbmm(wide, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.mT if tall else wide


@optimizers.add(
    "muon",
    paper="https://kellerjordan.github.io/posts/muon/",
    tune={"lr": (3e-4, 3e-2, "log"), "weight_decay": (1e-3, 0.3, "log")},
    limits={
        "lr": "(0, inf)",
        "momentum": "[0, 1)",
        "beta1": "[0, 1)",
        "beta2": "[0, 1)",
        "eps": "(0, inf)",
        "weight_decay": "[0, inf)",
    },
    decay="decoupled",
    rate=(1e-5, 3e-2),
)
def muon(
    groups: Groups,
    *,
    lr: float = 2e-3,
    momentum: float = 0.95,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    head: Literal["adamw", "muon"] = "adamw",
) -> torch.optim.Optimizer:
    """Momentum of each hidden weight matrix, with all its singular values brought to about 1; adamw for the rest.

    Definition: M <- momentum M + (1 - momentum) G; N = (1 - momentum) G + momentum M; O = U V' of N = U S V', by five
    rounds of X <- 3.4445 X - 4.7750 X X' X + 2.0315 (X X')^2 X, which leaves singular values between 0.7 and 1.2;
    X <- (1 - lr weight_decay) X - 0.2 sqrt(max(rows, columns)) lr O. A convolution is taken as a matrix of
    (output channels, input channels x kernel).

    The factor before O makes a step as long as adamw's, so that one rate and one decay serve both, and those tuned for
    adamw can be kept (Liu et al.). Biases, norms and the head are stepped by adamw, and the whole is one optimizer. The
    head is told by its place: the last parameter of two or more dimensions. Embeddings cannot be told; step them by an
    optimizer of their own. All directions of a matrix are learnt at one speed, the rare ones too.

    Reach for it when hidden weights are large matrices or convolutions: it often needs fewer steps than adamw.

    Leave it when the network is small or linear, so that hardly a hidden matrix is there, or matrices are so large
    that the iteration shows in the time of a step.

    Cost: One number of state a hidden weight, two for the rest. For a matrix of m x n, m <= n, the iteration takes
    20 m^2 n + 10 m^3 operations a step, whatever the batch: little beside large batches, much beside small ones.

    Args:
        groups: Parameter groups, in the order of the network.
        lr: Learning rate.
        momentum: Memory of the gradient of hidden weights.
        beta1: Memory of the mean of the gradient, of adamw.
        beta2: Memory of its square, of adamw.
        eps: Floor under the root of adamw, in units of the gradient.
        weight_decay: Share of x, times lr, that a step takes away.
        head: What steps the last weight matrix; `muon` where only hidden weights are given.

    Returns:
        The optimizer. Its groups are those given, each split into what is orthogonalised and what is not.

    Raises:
        BadValue: There are no parameters.

    Reference:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; length of the step: Liu et al.,
        "Muon is Scalable for LLM Training", 2025, section 2.2.
    """
    filled = with_rates(groups, lr)
    matrices = [p for group in filled for p in group["params"] if p.ndim >= 2]
    hidden = {id(p) for p in (matrices if head == "muon" else matrices[:-1])}
    split = []
    for group in filled:
        for orthogonal in (True, False):
            own = [p for p in group["params"] if (id(p) in hidden) is orthogonal]
            if own:
                split.append(group | {"params": own, "orthogonal": orthogonal})
    defaults = {
        "lr": lr,
        "momentum": momentum,
        "nesterov": True,
        "betas": (beta1, beta2),
        "eps": eps,
        "weight_decay": weight_decay,
    }
    return Muon(split, defaults)
