"""Gradient flow: how the gradient is shared out among the layers."""

import torch
from torch import Tensor

from trainwell.measurements import Step, by_layer, measurements, named_weights


@measurements.add("gradient_flow", paper="https://proceedings.mlr.press/v9/glorot10a.html")
@torch.no_grad()
def gradient_flow(step: Step, *, layers: bool = True) -> dict[str, Tensor]:
    """How long the gradient of each layer is, and how the first and the smallest compare with the others.

    Definition: ||g|| of each learnt weight (biases, norms and frozen layers are left out), and three ratios of these
    lengths: the first layer's over the last's, the smallest and the largest over the median, which of an even number is
    the lower one. First and last go by the order in which the model holds its layers. The gradients are those the step
    was taken with: after clipping, and of the second pass where there are two.

    Reach for it when a deep or recurrent network learns slowly or surges: the ratios fall to 0 where gradients vanish
    on their way to the first layers, and grow by decades where they explode.

    Leave it when norms follow the layers: the length then goes with 1 / ||w|| and says little.

    Cost: one pass over the gradients in the steps that measure.

    Args:
        step: Read.
        layers: Whether each layer's length is given too.

    Returns:
        `gradient_flow_ratio` (first over last), `gradient_flow_min`, `gradient_flow_max` (over the median) and
        `gradient_flow.<layer>`: float32, at least 0; a layer that got no gradient has 0. Nothing where there are no
        weights.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 4.2.
    """
    weights = named_weights(step.model)
    if not weights:
        return {}
    gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights.values()]
    lengths = torch.stack(torch._foreach_norm(gradients, 2.0, torch.float32))
    tiny = torch.finfo(torch.float32).tiny
    median = lengths.median().clamp_min(tiny)
    found = {
        "gradient_flow_ratio": lengths[0] / lengths[-1].clamp_min(tiny),
        "gradient_flow_min": lengths.min() / median,
        "gradient_flow_max": lengths.max() / median,
    }
    return found | (by_layer("gradient_flow", weights, lengths) if layers else {})
