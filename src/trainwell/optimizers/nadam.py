"""NAdam: Adam that looks ahead by one step of its momentum."""

import torch

from trainwell.optimizers import Groups, optimizers, with_rates


@optimizers.add(
    "nadam",
    paper="https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
    tune={"lr": (1e-4, 1e-2, "log"), "weight_decay": (1e-3, 0.3, "log")},
    limits={
        "lr": "(0, inf)",
        "beta1": "[0, 1)",
        "beta2": "[0, 1)",
        "eps": "(0, inf)",
        "momentum_decay": "[0, inf)",
        "weight_decay": "[0, inf)",
    },
    decay="decoupled",
    rate=(1e-5, 1e-2),
)
def nadam(
    groups: Groups,
    *,
    lr: float = 2e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    momentum_decay: float = 4e-3,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Adam with Nesterov's momentum: the step uses the momentum as it will be after the present gradient.

    Definition: x <- (1 - lr weight_decay) x; mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2); m and v as in adam;
    x <- x - lr (mu_(t+1) m / (1 - mu_1 ... mu_(t+1)) + (1 - mu_t) g / (1 - mu_1 ... mu_t)) / (sqrt(v^) + eps).

    The momentum is warmed up from about beta1 / 2 to beta1. Decay is kept beside the gradient, as in adamw; the report
    has none.

    Reach for it when adam converges slowly at a rate that cannot be raised: the look ahead damps its overshooting.

    Leave it when adamw trains well: the gain is small, and the step is slower.

    Cost: Two numbers of state a parameter. torch has no fused step for it.

    Args:
        groups: Parameter groups.
        lr: Learning rate.
        beta1: Memory of the mean of the gradient, once the momentum is warmed up.
        beta2: Memory of its square.
        eps: Floor beside the root, in units of the gradient.
        momentum_decay: Speed at which the momentum is warmed up; it is done after some 100 / momentum_decay steps.
        weight_decay: Share of x, times lr, that a step takes away.

    Returns:
        torch's NAdam, all parameters of a group at once.

    Raises:
        BadValue: There are no parameters.

    Reference:
        Dozat, "Incorporating Nesterov Momentum into Adam", 2016, algorithm 8 and section 3.
    """
    return torch.optim.NAdam(
        with_rates(groups, lr),
        lr=lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=weight_decay,
        momentum_decay=momentum_decay,
        decoupled_weight_decay=True,
        foreach=True,
    )
