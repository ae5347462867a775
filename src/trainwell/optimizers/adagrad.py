"""AdaGrad: each parameter's rate falls with the sum of its squared gradients."""

import torch

from trainwell.optimizers import Groups, fused, optimizers, with_rates


@optimizers.add(
    "adagrad",
    paper="https://jmlr.org/papers/v12/duchi11a.html",
    tune={"lr": (1e-3, 0.1, "log"), "weight_decay": (1e-5, 1e-2, "log")},
    limits={"lr": "(0, inf)", "eps": "(0, inf)", "weight_decay": "[0, inf)"},
    decay="coupled",
    rate=(1e-3, 0.2),
)
def adagrad(
    groups: Groups, *, lr: float = 0.01, eps: float = 1e-10, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Divide the step of each parameter by the root of the sum of all its squared gradients so far.

    Definition: g <- g + weight_decay x; s <- s + g^2; x <- x - lr g / (sqrt(s) + eps).

    The sum never forgets: where gradients stay of one size, the step falls as lr / sqrt(t), and training slows down for
    good, whatever the schedule does besides.

    Reach for it when features are sparse: a rare one keeps a large rate, a frequent one loses it. The problem should
    be convex or nearly so.

    Leave it when a deep network trains for long: its steps die away before it is done. rmsprop and adam forget old
    gradients and do not stall.

    Cost: One number of state a parameter.

    Args:
        groups: Parameter groups.
        lr: Learning rate; the length of the first step in every parameter.
        eps: Floor under the root, in units of the gradient.
        weight_decay: Factor of x in the gradient; it is then divided by the root, as the gradient is.

    Returns:
        torch's Adagrad, fused where it can be.

    Raises:
        BadValue: There are no parameters.

    Reference:
        Duchi, Hazan, Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011,
        figure 1, with diagonal matrices.
    """
    filled = with_rates(groups, lr)
    return torch.optim.Adagrad(filled, lr=lr, eps=eps, weight_decay=weight_decay, fused=fused(filled))
