"""SGD: step against the gradient, with momentum."""

import torch

from trainwell.optimizers import Groups, fused, optimizers, with_rates


@optimizers.add(
    "sgd",
    paper="https://proceedings.mlr.press/v28/sutskever13.html",
    tune={"lr": (1e-3, 1.0, "log"), "momentum": (0.8, 0.99), "weight_decay": (1e-5, 1e-2, "log")},
    limits={"lr": "(0, inf)", "momentum": "[0, 1)", "weight_decay": "[0, inf)"},
    decay="coupled",
    rate=(1e-3, 2.0),
)
def sgd(
    groups: Groups, *, lr: float = 0.1, momentum: float = 0.9, nesterov: bool = True, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Stochastic gradient descent: step against the gradient of a batch, with momentum.

    Definition: g <- g + weight_decay x; v <- momentum v + g; x <- x - lr v, or with Nesterov
    x <- x - lr (g + momentum v). Without momentum it is x <- x - lr g (the notes print a plus).

    This is torch's form of momentum. The notes have v <- rho v - lr g; x <- x + v, which takes the same steps while the
    rate is constant. Once it varies they differ: here a new rate applies to the whole velocity at once; there the
    velocity goes on at the rates at which it was gathered.

    Reach for it when the network is convolutional and normalised, and the rate can be tuned and decayed: it then often
    generalises best, and it keeps the least state.

    Leave it when gradients differ in scale between layers (transformers, embeddings, no norm) or there is no time to
    tune the rate: adamw forgives more.

    Cost: One number of state a parameter with momentum, none without; the cheapest step of all. The rate has to be
    tuned.

    Args:
        groups: Parameter groups.
        lr: Learning rate.
        momentum: How much of the velocity is kept; 0 is plain gradient descent.
        nesterov: Look ahead by one step of the velocity; without momentum there is none.
        weight_decay: Factor of x in the gradient, so that each step shrinks x by lr weight_decay.

    Returns:
        torch's SGD, fused where it can be.

    Raises:
        BadValue: There are no parameters.

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
