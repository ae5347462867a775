"""Adam: momentum, with the step of each parameter divided by the size of its gradients."""

import torch

from trainwell.optimizers import Groups, fused, optimizers, with_rates


@optimizers.add(
    "adam",
    paper="https://arxiv.org/abs/1412.6980",
    tune={"lr": (1e-4, 1e-2, "log")},
    limits={"lr": "(0, inf)", "beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"},
)
def adam(
    groups: Groups, *, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> torch.optim.Optimizer:
    """m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; x <- x - lr m^ / (sqrt(v^) + eps).

    m^ and v^ are m and v divided by 1 - beta^t, which makes up for their start at 0. A step is about `lr` long in
    every parameter, whatever the scale of the loss. It has no decay of its own: see adamw.

    Args:
        groups: Parameter groups, without `weight_decay` other than 0.
        lr: Learning rate.
        beta1: Memory of the mean of the gradient.
        beta2: Memory of its square.
        eps: Floor under the root, in units of the gradient.

    Returns:
        torch's Adam, fused where it can be.

    Reference:
        Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1.
    """
    filled = with_rates(groups, lr)
    return torch.optim.Adam(filled, lr=lr, betas=(beta1, beta2), eps=eps, fused=fused(filled))
