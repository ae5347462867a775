"""Plain stacks: stages of convolutions with a pooling behind each, then fully connected layers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from trainwell.activations import activations, width_factor
from trainwell.dropouts import dropouts
from trainwell.errors import BadValue
from trainwell.family import Family, Part
from trainwell.initializers import initializers
from trainwell.models import (
    NormPlace,
    check_images,
    check_overall,
    check_window,
    dropped,
    has_shift,
    initialized,
    normed,
    pooled,
)
from trainwell.norms import norms
from trainwell.poolings import poolings

STACK_PARTS: dict[str, Family] = {
    "activation": activations,
    "norm": norms,
    "pooling": poolings,
    "last_pooling": poolings,
    "dropout": dropouts,
    "conv_dropout": dropouts,
    "initializer": initializers,
}


@dataclass(frozen=True)
class Stage:
    """Convolutions with a pooling behind them.

    Args:
        widths: Channels of each convolution.
        kernel: Side of the kernels.
        stride: Of the first convolution.
        padding: Rows and columns of zeros around the map; half a kernel keeps the size.
    """

    widths: tuple[int, ...]
    kernel: int = 3
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True, kw_only=True)
class Layers:
    """What the layers of a stack are made with.

    Args:
        activation: Behind each convolution and each hidden layer.
        norm: With each convolution; hidden layers have none.
        norm_place: Whether it stands before or after the activation.
        pooling: Behind each stage, as long as the map is large enough.
        last_pooling: From the last map to the first fully connected layer; None hands over every position.
        dropout: Behind each hidden layer, or in front of the head where there is none; around where it drops weights.
        conv_dropout: At the end of each stage, or around its convolutions where it drops weights.
    """

    activation: Part | str
    norm: Part | str
    norm_place: NormPlace
    pooling: Part | str
    last_pooling: Part | str | None
    dropout: Part | str | None
    conv_dropout: Part | str | None


class Stack(nn.Module):
    """Convolutions, pooling or flattening, hidden layers, head.

    Args:
        features: (N, C, H, W) -> (N, C', H', W').
        pool: (N, C', H', W') -> (N, F).
        hidden: (N, F) -> (N, F').
        head: (N, F') -> (N, K).
    """

    def __init__(self, features: nn.Module, pool: nn.Module, hidden: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.pool = pool
        self.hidden = hidden
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K)."""
        outputs: Tensor = self.head(self.hidden(self.pool(self.features(images))))
        return outputs


def stack(
    id: str,
    input_shape: tuple[int, ...],
    num_outputs: int,
    stages: Sequence[Stage],
    hidden: tuple[int, ...],
    layers: Layers,
    *,
    initializer: Part | str,
    head_scale: float,
) -> nn.Module:
    """Build a plain stack and initialise it.

    Args:
        id: Of the model, for messages.
        input_shape: (C, H, W).
        num_outputs: Number of outputs.
        stages: Stages of convolutions.
        hidden: Units of the fully connected layers in front of the head.
        layers: What it is made with.
        initializer: Of all weights.
        head_scale: Factor on the initial weights of the head.

    Returns:
        (N, C, H, W) -> (N, num_outputs).

    Raises:
        BadValue: The input is no image, a width is below 1, or a pooling leaves no map or too much of one.
    """
    check_images(id, input_shape, layers.norm)
    check_window(id, layers.pooling)
    if layers.last_pooling is not None:
        check_overall(id, layers.last_pooling)
    if any(width < 1 for width in (*hidden, *(width for stage in stages for width in stage.widths))):
        raise BadValue(f"{id} has a width below 1 in {hidden!r} or its stages. Expected whole numbers of at least 1.")
    maps, channels, size = _convolutions(input_shape, stages, layers)
    pool = nn.Flatten() if layers.last_pooling is None else poolings.build(layers.last_pooling, channels, 2)
    features = channels * (math.prod(size) if layers.last_pooling is None else 1)
    units: list[nn.Module] = []
    for width in hidden:
        linear = nn.Linear(features, width * width_factor(layers.activation))
        layer, *behind = dropped(layers.dropout, linear)
        units += [layer, activations.build(layers.activation), *behind]
        features = width
    head = nn.Linear(features, num_outputs)
    *before, last = reversed(dropped(None if hidden else layers.dropout, head))
    model = Stack(nn.Sequential(*maps), pool, nn.Sequential(*units, *before), last)
    initialized(model, initializer, activation=layers.activation, head=head, head_scale=head_scale)
    return model


def _convolutions(
    input_shape: tuple[int, ...], stages: Sequence[Stage], layers: Layers
) -> tuple[list[nn.Module], int, tuple[int, int]]:
    """The modules of all stages, the channels of the last map and its size."""
    channels, height, width = input_shape
    size = (height, width)
    modules: list[nn.Module] = []
    for stage in stages:
        behind: list[nn.Module] = []
        for number, features in enumerate(stage.widths):
            first, second = normed(layers.norm, layers.activation, features, 2, layers.norm_place)
            stride = stage.stride if number == 0 else 1
            outputs = features * width_factor(layers.activation)
            layer = nn.Conv2d(channels, outputs, stage.kernel, stride, stage.padding, bias=not has_shift(first))
            wrapped, *behind = dropped(layers.conv_dropout, layer)
            modules += [wrapped, first, second]
            height, width = ((side + 2 * stage.padding - stage.kernel) // stride + 1 for side in size)
            size = (height, width)
            channels = features
        smaller = pooled(layers.pooling, size, layers.norm)
        if smaller != size:
            modules.append(poolings.build(layers.pooling, channels, 2))
            size = smaller
        modules += behind
    return modules, channels, size
