"""MLP: layers in which every unit sees all of the layer below."""

import itertools
import math

from torch import Tensor, nn

from trainwell.activations import activations, width_factor
from trainwell.dropouts import dropouts
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.initializers import initializers
from trainwell.models import NormPlace, dropped, has_shift, initialized, models, normed
from trainwell.norms import norms


class WideAndDeep(nn.Module):
    """A linear path beside a deep one: the sum of their outputs.

    Args:
        deep: (N, ...) -> (N, K).
        num_inputs: Values of one input.
        num_outputs: K.
    """

    def __init__(self, deep: nn.Module, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.deep = deep
        self.wide = nn.Linear(num_inputs, num_outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs, (N, K)."""
        return self.deep(x) + self.wide(x.flatten(1))


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
    norm_place: NormPlace = "before",
    dropout: Part | str | None = None,
    initializer: Part | str = "auto",
    head_scale: float = 0.1,
    skip: bool = False,
) -> nn.Module:
    """Stack fully connected layers, each followed by norm, activation and dropout; then a linear head.

    Definition: a hidden layer is a(norm(W x + b)), or norm(a(W x + b)) with `norm_place=after`. Images are flattened:
    what lies beside what is lost.

    Reach for it with tables and small problems, and to see what a technique does where nothing else is in the way.

    Leave it when the inputs are images of more than some 28 px: each pixel has weights of its own, and a shift by one
    pixel is another image. Take convnet.

    Cost: the products of neighbouring widths, in parameters and in multiplications a sample; 5 to 50 thousand for a
    table. A step of so small a network is mostly overhead.

    Args:
        input_shape: Shape of one input.
        num_outputs: Number of outputs.
        widths: Units of each hidden layer; none is a linear model.
        activation: Behind each hidden layer.
        norm: With each hidden layer, which has no bias where the norm stands next to it and has one.
        norm_place: Whether the norm stands before or after the activation.
        dropout: Behind each activation, or around each hidden layer where it drops weights.
        initializer: Of all weights.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.
        skip: Add a linear path from the inputs to the outputs, which starts at 0. What is linear then need not pass
            through the hidden layers, so that these can be regularised harder: worth it on tables of few rows.

    Returns:
        (N, *input_shape) -> (N, num_outputs).

    Raises:
        BadValue: A width is below 1, `skip` beside no hidden layer, which would be the same line twice, or a norm that
            goes by positions, of which rows have none.

    Reference:
        Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", 1986; skip: Cheng et
        al., "Wide & Deep Learning for Recommender Systems", 2016.
    """
    if any(width < 1 for width in widths):
        raise BadValue(f"mlp.widths={widths!r} is not possible: expected whole numbers of at least 1.")
    if skip and not widths:
        raise BadValue("mlp.skip=True has no effect without hidden layers: it is a linear model then. Leave it out.")
    factor = width_factor(activation)
    num_inputs = math.prod(input_shape)
    deep = nn.Sequential(nn.Flatten())
    for fan_in, width in itertools.pairwise((num_inputs, *widths)):
        first, second = normed(norm, activation, width, 0, norm_place)
        linear = nn.Linear(fan_in, width * factor, bias=not has_shift(first))
        layer, *behind = dropped(dropout, linear)
        deep.extend([layer, first, second, *behind])
    head = nn.Linear(widths[-1] if widths else num_inputs, num_outputs)
    deep.append(head)
    model = WideAndDeep(deep, num_inputs, num_outputs) if skip else deep
    initialized(model, initializer, activation=activation, head=head, head_scale=head_scale)
    if isinstance(model, WideAndDeep):
        nn.init.zeros_(model.wide.weight)  # the initial loss is that of the head alone
    return model
