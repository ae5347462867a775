"""Activation scale: how far apart the samples of a batch are in each layer."""

import torch
from torch import Tensor

from trainwell.measurements import Step, by_layer, measurements
from trainwell.measurements.slopes import few


@measurements.add("activation_scale", paper="https://proceedings.mlr.press/v9/glorot10a.html", needs_activations=True)
@torch.no_grad()
def activation_scale(step: Step, *, layers: bool = True) -> dict[str, Tensor]:
    """How far apart the samples of a batch are behind each activation.

    Definition: s, the root over all units and places of the mean variance between the samples. Two ratios tell what a
    scale alone cannot: s of the last layer over that of the first, and s / sqrt(mean y^2), in [0, 1], which is near 0
    where a layer gives the same for all samples. They are taken of up to 32 samples and some 16,000 values a layer.

    Reach for it when a deep network does not learn: a signal that shrinks or grows from layer to layer, or samples that
    become alike, show here before the gradients do.

    Leave it when norms stand between the layers, which set the scale anew. It takes the first dimension of an output
    for the samples.

    Cost: a few operations on those values in the steps that measure, and the memory of the activations.

    Args:
        step: Read.
        layers: Whether each layer's scale is given too.

    Returns:
        `activation_scale_ratio`, last over first in the order they ran; `activation_contrast`, the smallest
        s / sqrt(mean y^2); `activation_scale.<activation>`, s. All at least 0. Nothing where no activation was seen, or
        the batch is one sample.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 4.2.
    """
    outputs = {name: output for name, output in step.activations.items() if len(output) > 1 and output.numel()}
    if not outputs:
        return {}
    found_moments = [moments(output) for output in outputs.values()]
    spread, size = (torch.stack(values).sqrt() for values in zip(*found_moments, strict=True))
    tiny = torch.finfo(torch.float32).tiny
    found = {
        "activation_scale_ratio": spread[-1] / spread[0].clamp_min(tiny),
        "activation_contrast": (spread / size.clamp_min(tiny)).min(),
    }
    return found | (by_layer("activation_scale", outputs, spread) if layers else {})


def moments(output: Tensor) -> tuple[Tensor, Tensor]:
    """Mean variance between the samples of (N, ..., U), and mean square, in float32, of some of the values."""
    variance, mean = torch.var_mean(few(output.movedim(-1, 1)).float(), dim=0, correction=0)
    between = variance.mean()
    return between, between + mean.square().mean()
