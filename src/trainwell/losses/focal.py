"""Focal: cross-entropy that looks away from what is easy."""

import torch
from torch import Tensor
from torch.nn import functional

from trainwell.losses import is_soft, losses, wide


@losses.add(
    "focal",
    paper="https://arxiv.org/abs/1708.02002",
    tune={"gamma": (0.5, 5.0)},
    limits={"gamma": "[0, inf)"},
    task="classification",
    soft_targets=True,
    softmax=True,
    expects="logits",
)
def focal(output: Tensor, target: Tensor, *, gamma: float = 2.0) -> Tensor:
    """Cross-entropy in which a class counts the less, the surer the network already is of it.

    Definition: the mean over the batch of -sum_k t_k (1 - p_k)^gamma log p_k with p = softmax(output). A sample whose
    class has the probability 0.9 counts a hundredth of what it counts in cross-entropy when gamma is 2. gamma = 0 is
    `cross_entropy`. The paper has a sigmoid an output; this is its form for classes that exclude each other, the same
    for two of them.

    Reach for it when easy samples of a frequent class drown the rest, as background does in detection.

    Leave it when classes are balanced, or the probabilities are to be believed: it is no proper score, and its lowest
    point is less sure than the truth. With wrong labels it looks hardest at exactly those.

    Cost: negligible; one number to tune. Its gradients are smaller than those of cross-entropy, so the best rate is
    somewhat higher.

    Args:
        output: Logits, (N, C).
        target: Class of each row, (N,) int64, or a distribution over the classes, (N, C) floating.
        gamma: How fast a class loses its weight as its probability grows.

    Returns:
        Scalar, at least 0.

    Raises:
        BadValue: The shapes do not fit.

    Reference:
        Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection", 2017, section 3.2, equation 4.
    """
    soft = is_soft(output, target)
    log_p = functional.log_softmax(wide(output), dim=1)
    if not soft:
        log_p = log_p.gather(1, target.unsqueeze(1))
    # 1 - p without its rounding; where it is 0 the slope of a power below 1 is infinite, and infinity times 0 no number
    rest = (-log_p.expm1()).clamp_min(torch.finfo(torch.float32).tiny)
    terms = -(rest**gamma) * log_p
    return ((target.to(terms.dtype) * terms).sum(dim=1) if soft else terms).mean()
