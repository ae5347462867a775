"""SAM: step by the gradient found at the worst point nearby."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.module import register_module_forward_pre_hook

from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.optimizers import Groups, optimizers
from trainwell.optimizers.wrapper import Wrapper, wrapped
from trainwell.parameters import global_norm

_LEAST_NORM = 1e-12  # below this a gradient has no direction; keeps 0 / 0 from being NaN


class Sam(Wrapper):
    """The optimizer within, by gradients taken at a distance.

    Args:
        inner: What takes the step.
        rho: The distance, an L2 norm over all parameters.
    """

    def __init__(self, inner: torch.optim.Optimizer, rho: float) -> None:
        super().__init__(inner)
        self.rho = rho

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Call the closure twice, each time for the loss and its gradients, and take a step; gives the first loss."""
        if closure is None:
            raise BadValue(
                "sam takes two passes a step: give step() a closure that clears the gradients, computes the loss, "
                "calls backward() and returns the loss."
            )
        with torch.enable_grad():
            loss = closure()
        moved = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        if moved:
            gradients: list[Tensor] = [p.grad for p in moved]
            here = torch._foreach_clone(moved)
            scale = self.rho / global_norm(gradients).clamp_min(_LEAST_NORM)
            torch._foreach_add_(moved, torch._foreach_mul(gradients, scale))
            try:
                with torch.enable_grad(), statistics_held():
                    closure()
            finally:
                torch._foreach_copy_(moved, here)
        self.inner.step()
        return loss


@contextlib.contextmanager
def statistics_held() -> Iterator[None]:
    """Norms of torch's classes that are called inside the `with` leave their running statistics as they are."""
    held: dict[nn.Module, tuple[bool, float | None]] = {}

    def hold(module: nn.Module, _: Any) -> None:
        if isinstance(module, _NormBase) and module.training and module not in held:
            held[module] = (module.track_running_stats, module.momentum)
            # Batch norm goes by the first, instance norm by the second.
            module.track_running_stats, module.momentum = False, 0.0

    hook = register_module_forward_pre_hook(hold)
    try:
        yield
    finally:
        hook.remove()
        for module, before in held.items():
            module.track_running_stats, module.momentum = before  # type: ignore[assignment]


@optimizers.add(
    "sam",
    paper="https://arxiv.org/abs/2010.01412",
    tune={"lr": (1e-3, 1.0, "log"), "rho": (0.02, 0.2, "log")},
    limits={"lr": "(0, inf)", "rho": "[0, inf)"},
    parts={"inner": optimizers},
    two_pass=True,
    wraps="inner",
)
def sam(groups: Groups, *, lr: float = 0.1, rho: float = 0.05, inner: Part | str = "sgd") -> torch.optim.Optimizer:
    """Sharpness-aware minimisation: step by the gradient found a short way uphill, so as to end in a flat minimum.

    Definition: e = rho g(x) / norm(g(x)), the norm over all parameters together; then the optimizer within takes its
    step from x by g(x + e). With rho = 0 it is the optimizer within.

    The loss that is returned is that at x. Running statistics of norms are taken in at x only; in a compiled network
    they may be taken in at both points. Dropout masks are the same at both where they are keyed by the step, as in
    Trainwell's training; elsewhere each pass draws anew.

    Reach for it when a network overfits, labels are noisy or data is scarce, and twice the time can be spared.

    Leave it when the network underfits, or the time would be better spent on training for longer.

    Cost: Two forward and backward passes a step, twice the time; a copy of the weights during the step. `rho` is to be
    tuned.

    Args:
        groups: Parameter groups.
        lr: Learning rate of the optimizer within; its default fits sgd and is far too high for adam and its kin.
        rho: How far uphill the gradient is taken: an L2 norm over all parameters.
        inner: What takes the step, with its own decay and momentum. Its rate is `lr`.

    Returns:
        An optimizer whose `step` needs a closure; groups and state are those of the optimizer within.

    Raises:
        BadValue: There are no parameters; `inner` has a rate of its own or takes two passes; later, `step` gets no
            closure.

    Reference:
        Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021, algorithm 1.
    """
    return Sam(wrapped(groups, inner, lr, by="sam"), rho)
