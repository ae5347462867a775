"""Adam: momentum, with the step of each parameter divided by the size of its gradients."""

import torch

from trainwell.optimizers import Groups, fused, optimizers, with_rates


@optimizers.add(
    "adam",
    paper="https://arxiv.org/abs/1412.6980",
    tune={"lr": (1e-4, 1e-2, "log")},
    limits={"lr": "(0, inf)", "beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"},
    decay="none",
    rate=(1e-5, 1e-2),
)
def adam(
    groups: Groups, *, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> torch.optim.Optimizer:
    """Momentum, with the step of each parameter divided by the size of its recent gradients.

    Definition: m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; x <- x - lr m^ / (sqrt(v^) + eps), with
    m^ = m / (1 - beta1^t) and v^ = v / (1 - beta2^t), which makes up for their start at 0.

    A step is about `lr` long in every parameter, whatever the scale of the loss: the first one is exactly that long.

    Reach for it when a network is to train without much tuning, gradients differ in scale between layers, or they are
    sparse.

    Leave it when there is to be weight decay: added to the gradient it would be divided by the size of the gradients
    too; adamw keeps it apart. This member therefore has none.

    Cost: Two numbers of state a parameter. Its default rate works more often than that of sgd.

    Args:
        groups: Parameter groups, without `weight_decay` other than 0.
        lr: Learning rate.
        beta1: Memory of the mean of the gradient.
        beta2: Memory of its square.
        eps: Floor under the root, in units of the gradient.

    Returns:
        torch's Adam, fused where it can be.

    Raises:
        BadValue: There are no parameters.

    Reference:
        Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1.
    """
    filled = with_rates(groups, lr)
    return torch.optim.Adam(filled, lr=lr, betas=(beta1, beta2), eps=eps, fused=fused(filled))
