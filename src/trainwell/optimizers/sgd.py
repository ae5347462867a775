"""SGD: step against the gradient, with momentum."""

import torch

from trainwell.optimizers import Groups, fused, optimizers, with_rates


@optimizers.add(
    "sgd",
    paper="https://proceedings.mlr.press/v28/sutskever13.html",
    tune={"lr": (1e-3, 1.0, "log"), "momentum": (0.8, 0.99), "weight_decay": (1e-5, 1e-2, "log")},
    limits={"lr": "(0, inf)", "momentum": "[0, 1)", "weight_decay": "[0, inf)"},
)
def sgd(
    groups: Groups, *, lr: float = 0.1, momentum: float = 0.9, nesterov: bool = True, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """g <- g + weight_decay x; v <- momentum v + g; x <- x - lr v, or with Nesterov x <- x - lr (g + momentum v).

    This is torch's form. The book's v <- momentum v - lr g; x <- x + v takes the same steps while the rate is constant;
    when the rate falls, torch's slows at once and the book's coasts on.

    Args:
        groups: Parameter groups.
        lr: Learning rate.
        momentum: How much of the velocity is kept; 0 is plain gradient descent.
        nesterov: Look ahead by one step of the velocity; without momentum there is none.
        weight_decay: Factor of x in the gradient, so that each step shrinks x by lr weight_decay.

    Returns:
        torch's SGD, fused where it can be.

    Reference:
        Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013, section 2.
    """
    filled = with_rates(groups, lr)
    return torch.optim.SGD(
        filled,
        lr=lr,
        momentum=momentum,
        nesterov=nesterov and momentum > 0.0,
        weight_decay=weight_decay,
        fused=fused(filled),
    )
