"""Weight norm: how long the weights are."""

import torch
from torch import Tensor

from trainwell.measurements import Step, by_layer, measurements, named_weights


@measurements.add("weight_norm", paper="https://arxiv.org/abs/1706.05350")
@torch.no_grad()
def weight_norm(step: Step, *, layers: bool = True) -> dict[str, Tensor]:
    """How long the weights are, after the step: all as one vector, and each layer's.

    Definition: sqrt(sum w^2) over the learnt weights; biases, norms and frozen layers are left out.

    Reach for it when decay is in doubt: the weights grow without end where it is too weak, and shrink to nothing where
    it is too strong. Behind a norm the rate that counts is lr / ||w||^2.

    Leave it when two networks are to be compared: the length goes with the size of the layers.

    Cost: one pass over the weights in the steps that measure.

    Args:
        step: Read.
        layers: Whether each layer's length is given too.

    Returns:
        `weight_norm` and `weight_norm.<layer>`: float32, at least 0. Nothing where there are no weights.

    Reference:
        van Laarhoven, "L2 Regularization versus Batch and Weight Normalization", 2017, section 2.
    """
    weights = named_weights(step.model)
    if not weights:
        return {}
    lengths = torch.stack(torch._foreach_norm([w.detach() for w in weights.values()], 2.0, torch.float32))
    whole = {"weight_norm": torch.linalg.vector_norm(lengths)}
    return whole | (by_layer("weight_norm", weights, lengths) if layers else {})
