"""RMSProp: each parameter's step is divided by the running size of its gradients."""

import torch

from trainwell.optimizers import Groups, optimizers, with_rates


@optimizers.add(
    "rmsprop",
    paper="https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf",
    tune={"lr": (1e-4, 1e-2, "log"), "beta": (0.9, 0.99), "weight_decay": (1e-5, 1e-2, "log")},
    limits={"lr": "(0, inf)", "beta": "[0, 1)", "eps": "(0, inf)", "weight_decay": "[0, inf)"},
    decay="coupled",
    rate=(1e-5, 1e-2),
)
def rmsprop(
    groups: Groups, *, lr: float = 1e-3, beta: float = 0.9, eps: float = 1e-8, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Divide the step of each parameter by the root of the running mean of its squared gradients.

    Definition: g <- g + weight_decay x; v <- beta v + (1 - beta) g^2; x <- x - lr g / (sqrt(v) + eps).

    It is adagrad with a memory that fades, so that steps do not die away; adam adds momentum, and makes up for the
    start at 0: here the first steps are up to 1 / sqrt(1 - beta) times as long as later ones, 3.2 times at 0.9.

    Reach for it when the target moves: recurrent networks, reinforcement learning, where momentum does harm.

    Leave it when adam or adamw will do, as nearly always: they add momentum and a sound start at the price of one more
    number a parameter.

    Cost: One number of state a parameter. torch has no fused step for it.

    Args:
        groups: Parameter groups.
        lr: Learning rate.
        beta: Memory of the squared gradient (torch calls it alpha, and takes 0.99).
        eps: Floor beside the root, in units of the gradient.
        weight_decay: Factor of x in the gradient; it is then divided by the root, as the gradient is.

    Returns:
        torch's RMSprop, all parameters of a group at once.

    Raises:
        BadValue: There are no parameters.

    Reference:
        Tieleman, Hinton, "Neural Networks for Machine Learning", 2012, lecture 6e.
    """
    return torch.optim.RMSprop(
        with_rates(groups, lr), lr=lr, alpha=beta, eps=eps, weight_decay=weight_decay, foreach=True
    )
