"""AdamW: Adam with weight decay beside the gradient, not in it."""

import torch

from trainwell.optimizers import Groups, fused, optimizers, with_rates


@optimizers.add(
    "adamw",
    paper="https://arxiv.org/abs/1711.05101",
    tune={"lr": (1e-4, 1e-2, "log"), "weight_decay": (1e-3, 0.3, "log")},
    limits={"lr": "(0, inf)", "beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)", "weight_decay": "[0, inf)"},
    decay="decoupled",
    rate=(1e-5, 1e-2),
)
def adamw(
    groups: Groups,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> torch.optim.Optimizer:
    """Adam with weight decay beside the gradient, not in it.

    Definition: x <- (1 - lr weight_decay) x, then the step of adam: m <- beta1 m + (1 - beta1) g;
    v <- beta2 v + (1 - beta2) g^2; x <- x - lr m^ / (sqrt(v^) + eps).

    The decay is not divided by the size of the gradients, so that all weights shrink at the same speed. It is
    multiplied by the rate: what counts is lr weight_decay, summed over the training.

    Reach for it when nothing is known yet: it is the optimizer that most often works with little tuning, for tables,
    transformers and networks without norm above all.

    Leave it when a convolutional network can be tuned with care (sgd often ends better) or memory is short.

    Cost: Two numbers of state a parameter. Rate and decay are tuned together.

    Args:
        groups: Parameter groups.
        lr: Learning rate.
        beta1: Memory of the mean of the gradient.
        beta2: Memory of its square.
        eps: Floor under the root, in units of the gradient.
        weight_decay: Share of x, times lr, that a step takes away.

    Returns:
        torch's AdamW, fused where it can be.

    Raises:
        BadValue: There are no parameters.

    Reference:
        Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2.
    """
    filled = with_rates(groups, lr)
    return torch.optim.AdamW(
        filled, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay, fused=fused(filled)
    )
