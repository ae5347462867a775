"""Lookahead: k steps forward, one step back."""

from collections.abc import Callable
from typing import Any

import torch

from trainwell.family import Part
from trainwell.optimizers import Groups, optimizers
from trainwell.optimizers.wrapper import Wrapper, wrapped


class Lookahead(Wrapper):
    """The optimizer within, pulled back every few steps.

    The state of a parameter has `slow`, its slow weights, and `ahead`, the steps taken since they moved.

    Args:
        inner: What takes the steps.
        k: Steps between two moves of the slow weights.
        alpha: Share of the way that they move.
    """

    def __init__(self, inner: torch.optim.Optimizer, k: int, alpha: float) -> None:
        super().__init__(inner)
        self.k = k
        self.alpha = alpha

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; gives what the closure gives, which computes the gradients first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        moved = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        # The optimizer within takes a state that is not empty for its own: the slow weights go in after its step.
        new = [p for p in moved if "slow" not in self.state.get(p, {})]
        starts = [p.clone() for p in new]
        self.inner.step()
        for parameter, start in zip(new, starts, strict=True):
            self.state[parameter] |= {"slow": start, "ahead": 0}
        due = []
        for parameter in moved:
            state = self.state[parameter]
            state["ahead"] = (state["ahead"] + 1) % self.k
            if state["ahead"] == 0:
                due.append(parameter)
        if due:
            slow = [self.state[parameter]["slow"] for parameter in due]
            torch._foreach_lerp_(slow, due, self.alpha)
            torch._foreach_copy_(due, slow)
        return loss


@optimizers.add(
    "lookahead",
    paper="https://arxiv.org/abs/1907.08610",
    tune={"lr": (1e-3, 1.0, "log"), "k": (5, 10), "alpha": (0.5, 0.8)},
    limits={"lr": "(0, inf)", "k": "[1, inf)", "alpha": "(0, 1]"},
    parts={"inner": optimizers},
    wraps="inner",
)
def lookahead(
    groups: Groups, *, lr: float = 0.1, k: int = 5, alpha: float = 0.5, inner: Part | str = "sgd"
) -> torch.optim.Optimizer:
    """Take k steps with the optimizer within, then go back to a point on the way from where they began.

    Definition: every k steps slow <- slow + alpha (x - slow); x <- slow. Slow weights start at the first x; the state
    of the optimizer within, its momentum too, goes on as it is. With alpha = 1 it is the optimizer within.

    The paper evaluates the slow weights; the network holds the fast ones, which are the same after every k-th step.
    averages/lookahead does the same to the weights from outside, with an alpha that changes over the training.

    Reach for it when training is noisy or a rate that is a little too high should be forgiven.

    Leave it when the rate decays to near 0 or weights are averaged anyway: both take out the same noise.

    Cost: One copy of the weights, on top of the state of the optimizer within; next to no time.

    Args:
        groups: Parameter groups.
        lr: Learning rate of the optimizer within; its default fits sgd and is far too high for adam and its kin.
        k: Steps between two moves of the slow weights.
        alpha: Share of the way that they move.
        inner: What takes the steps, with its own decay and momentum. Its rate is `lr`.

    Returns:
        An optimizer; its groups are those of the optimizer within, its state has `slow` and `ahead` besides.

    Raises:
        BadValue: There are no parameters; `inner` has a rate of its own or takes two passes.

    Reference:
        Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019, algorithm 1.
    """
    return Lookahead(wrapped(groups, inner, lr, by="lookahead"), k, alpha)
