"""MLP: layers in which every unit sees all of the layer below."""

import itertools
import math

from torch import nn

from trainwell.activations import activations, width_factor
from trainwell.dropouts import dropouts
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.initializers import initializers
from trainwell.models import dropped, initialized, models
from trainwell.norms import norms


@models.add(
    "mlp",
    limits={"head_scale": "[0, inf)"},
    parts={"activation": activations, "norm": norms, "dropout": dropouts, "initializer": initializers},
)
def mlp(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    widths: tuple[int, ...] = (64, 64),
    activation: Part | str = "relu",
    norm: Part | str = "none",
    dropout: Part | str | None = None,
    initializer: Part | str = "auto",
    head_scale: float = 0.1,
) -> nn.Module:
    """Stack fully connected layers, each followed by norm, activation and dropout; then a linear head.

    For tables and small problems; images are flattened.

    Args:
        input_shape: Shape of one input.
        num_outputs: Number of outputs.
        widths: Units of each hidden layer; none is a linear model.
        activation: Behind each hidden layer.
        norm: Between each hidden layer and its activation; the layer then has no bias, as the norm has one.
        dropout: Behind each activation, or around each hidden layer where it drops weights.
        initializer: Of all weights.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.

    Returns:
        (N, *input_shape) -> (N, num_outputs).

    Raises:
        BadValue: A width is below 1.

    Reference:
        Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", 1986.
    """
    if any(width < 1 for width in widths):
        raise BadValue(f"mlp.widths={widths!r} is not possible: expected whole numbers of at least 1.")
    factor = width_factor(activation)
    model = nn.Sequential(nn.Flatten())
    for fan_in, width in itertools.pairwise((math.prod(input_shape), *widths)):
        normed = norms.build(norm, width * factor, 0)
        linear = nn.Linear(fan_in, width * factor, bias=getattr(normed, "bias", None) is None)
        layer, *behind = dropped(dropout, linear)
        model.extend([layer, normed, activations.build(activation), *behind])
    head = nn.Linear(widths[-1] if widths else math.prod(input_shape), num_outputs)
    model.append(head)
    initialized(model, initializer, activation=activation, head=head, head_scale=head_scale)
    return model
