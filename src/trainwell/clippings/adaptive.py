"""Adaptive clipping: no unit may move by more than a share of its own size."""

import torch
from torch import Tensor

from trainwell.clippings import clippings


@clippings.add(
    "adaptive",
    paper="https://arxiv.org/abs/2102.06171",
    tune={"limit": (0.001, 0.1, "log")},
    limits={"limit": "(0, inf)", "eps": "(0, inf)"},
)
@torch.no_grad()
def adaptive(parameters: list[Tensor], *, limit: float = 0.01, eps: float = 1e-3, head: bool = False) -> Tensor:
    """Shorten the gradient of each unit to a share of the length of the unit's weights.

    Definition: g <- g min(1, limit max(||w||, eps) / ||g||) for the weights w and the gradient g of each unit. A unit
    is a row of a linear layer, a filter of a convolution, in general weight[i] of a weight (outputs, ...); a bias, or
    the scales of a norm, are one unit together. With plain SGD at rate lr no unit moves by more than lr x limit of its
    length in a step. The head, the last layer, is left out as in the paper; it is taken to be the last parameter of two
    or more dimensions and all behind it, as the parameters of a model come in order.

    Reach for it when a network without norms is to train at high rates and large batches.

    Leave it when norms follow the layers: the gradient of such a weight shrinks by itself as the weight grows. When all
    but the head is frozen it does nothing unless `head` is set.

    Cost: two to three times that of `norm`: the weights are read too, unit by unit. The limit has to fall as the batch
    grows: 0.01 is for batches of thousands, smaller ones bear larger limits.

    Args:
        parameters: Those whose gradients are clipped, in the order of the model, all on one device.
        limit: Greatest length of a unit's gradient as a share of the length of its weights.
        eps: Least length that is put in for that of the weights, so that what starts at 0 can move.
        head: Whether the last layer is clipped too.

    Returns:
        The norm before, of all gradients as one vector: float32, at least 0.

    Reference:
        Brock, De, Smith, Simonyan, "High-Performance Large-Scale Image Recognition Without Normalization", 2021,
        section 4, equation 3.
    """
    last = max((place for place, parameter in enumerate(parameters) if parameter.ndim >= 2), default=len(parameters))
    found, weights, kept = [], [], []
    for place, parameter in enumerate(parameters):
        if parameter.grad is None:
            continue
        if head or place < last:
            found.append(parameter.grad)
            weights.append(parameter)
        else:
            kept.append(parameter.grad)
    lengths, sizes, rest = _unit_lengths(found), _unit_lengths(weights), _unit_lengths(kept)
    if found:
        ratio = torch.cat([size.flatten() for size in sizes]).clamp_min(eps) * limit
        factors = (ratio / torch.cat([length.flatten() for length in lengths])).clamp(max=1.0)
        parts = factors.split([length.numel() for length in lengths])
        torch._foreach_mul_(found, [part.view_as(length) for part, length in zip(parts, lengths, strict=True)])
    every = [length.flatten() for length in (*lengths, *rest)]
    return torch.linalg.vector_norm(torch.cat(every)) if every else torch.zeros(())


def _unit_lengths(tensors: list[Tensor]) -> list[Tensor]:
    """L2 length of each unit of each tensor, in float32, of a shape that broadcasts against it."""
    return [
        torch.linalg.vector_norm(t, dim=tuple(range(min(1, t.ndim - 1), t.ndim)), keepdim=True, dtype=torch.float32)
        for t in tensors
    ]
