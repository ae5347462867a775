"""Saturation: where an activation has become flat."""

import torch
from torch import Tensor

from trainwell.measurements import Step, by_layer, measurements


@measurements.add(
    "saturation",
    paper="https://proceedings.mlr.press/v9/glorot10a.html",
    limits={"under": "(0, 1)"},
    needs_activations=True,
    needs_slopes=True,
)
@torch.no_grad()
def saturation(step: Step, *, under: float = 0.01, layers: bool = True) -> dict[str, Tensor]:
    """Share of values at which the slope of the activation is next to nothing.

    Definition: the share of inputs x with |f'(x)| < 0.01 max |f'|. That is |x| > 6.0 for sigmoid, |x| > 3.0 for tanh,
    x <= 0 for ReLU, of which it is the share that is cut off. The slope is that of the function itself, whatever it is,
    at up to some 16,000 values of a layer, of 32 samples of the batch. What several numbers make together (GLU, maxout,
    softmax) has no such slope, and is left out.

    Reach for it when a network with sigmoid or tanh does not move: gradients do not pass where it is near 1.

    Leave it when activations are of ReLU's kind, half of whose values are cut off in the best of networks, or for a
    sigmoid at the output, which is to saturate as it becomes sure.

    Cost: the activation forward and backward on those values, in the steps that measure.

    Args:
        step: Read.
        under: Slope, as a share of the largest, under which a value counts.
        layers: Whether each layer's share is given too.

    Returns:
        `saturation_mean` and `saturation_max` over the layers, `saturation.<activation>`: shares in [0, 1]. Nothing
        where no slope was seen.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 3.
    """
    shares = {name: (slopes < under).float().mean() for name, slopes in step.slopes.items() if slopes.numel()}
    if not shares:
        return {}
    every = torch.stack(list(shares.values()))
    found = {"saturation_mean": every.mean(), "saturation_max": every.max()}
    return found | (by_layer("saturation", shares, every) if layers else {})
