"""Orthogonality: the units of a layer look at different things."""

import torch
from torch import Tensor, nn

from trainwell.penalties import penalties, total


@penalties.add(
    "orthogonality",
    paper="https://arxiv.org/abs/1810.09102",
    tune={"strength": (1e-6, 1e-1, "log")},
    limits={"strength": "[0, inf)"},
    constraint=False,
    breaks_selu=True,
)
def orthogonality(model: nn.Module, *, strength: float = 1e-4) -> Tensor:
    """How far the rows of each weight are from standing at right angles with length 1.

    Definition: strength x the sum over all weights of ||W W^T - I||^2 (Frobenius), W being the weight as a matrix
    (outputs, all the rest). Where there are more outputs than inputs the rows cannot all be orthogonal, so the smaller
    side is taken: ||W^T W - I||^2. A layer of orthonormal rows or columns keeps the lengths of what goes through it,
    forward or backward.

    Reach for it when a deep plain network trains badly though it was initialised well, or its units become alike.

    Leave it when norms already hold the scale: what it adds is small. Not with SELU in layers that widen, which it
    pulls to units shorter than 1.

    Cost: for a weight (a, b) about 6 a b min(a, b) operations a step, forward and backward: as much as min(a, b)
    samples of a linear layer, which is much beside small batches and wide layers. One number to tune.

    Args:
        model: Read.
        strength: Factor.

    Returns:
        Scalar, at least 0.

    Reference:
        Bansal, Chen, Wang, "Can We Gain More from Orthogonality Regularizations in Training Deep CNNs?", 2018, section
        3.1.
    """
    return strength * total(model, _distance)


def _distance(weight: Tensor) -> Tensor:
    """||W W^T - I||^2, or of W^T W where that is smaller."""
    rows = weight.flatten(1)
    rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
    return (rows @ rows.T - torch.eye(len(rows), device=rows.device)).square().sum()
