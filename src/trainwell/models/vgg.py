"""VGG: nothing but 3 x 3 convolutions, many of them."""

from torch import nn

from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.models import NormPlace, models
from trainwell.models.stack import STACK_PARTS, Layers, Stage, stack

_WIDEST = 8  # a stage has at most so many times the channels of the first


@models.add(
    "vgg",
    paper="https://arxiv.org/abs/1409.1556",
    tune={"width": (16, 32, 64)},
    limits={"width": "[1, inf)", "head_scale": "[0, inf)"},
    parts=STACK_PARTS,
)
def vgg(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    stages: tuple[int, ...] = (2, 2, 3, 3, 3),
    width: int = 64,
    hidden: tuple[int, ...] = (4096, 4096),
    activation: Part | str = "relu",
    norm: Part | str = "none",
    norm_place: NormPlace = "before",
    pooling: Part | str = "max",
    last_pooling: Part | str | None = None,
    dropout: Part | str | None = None,
    conv_dropout: Part | str | None = None,
    initializer: Part | str = "auto",
    head_scale: float = 0.1,
) -> nn.Module:
    """Stages of 3 x 3 convolutions with a pooling behind each, two hidden layers, a linear head.

    Definition: each stage has twice the channels of the one before, up to eight times those of the first. Two 3 x 3
    convolutions see as much as one 5 x 5, with fewer weights and one more activation between them. 2, 2, 3, 3 and 3
    convolutions are the paper's configuration D, VGG-16; 1, 1, 2, 2, 2 is A. Poolings stop where the map is too small
    for them.

    Reach for it to see how deep a plain stack can go, and what initialisation and norms do for it; with few stages and
    `last_pooling=global_avg` it is a good small network.

    Leave it when memory counts or the stack gets much deeper: without a norm 16 layers are hard to start, and a resnet
    reaches more with a tenth of the parameters.

    Cost: 138.4 million parameters for photos of 224 x 224 in 1000 classes, 123.6 million of them in the fully connected
    layers; 15.5 billion multiplications an image.

    Args:
        input_shape: (C, H, W).
        num_outputs: Number of outputs.
        stages: Convolutions in each stage.
        width: Channels of the first stage.
        hidden: Units of the fully connected layers in front of the head.
        activation: Behind each convolution and each hidden layer.
        norm: With each convolution, which has no bias where it stands next to it and has one.
        norm_place: Whether the norm stands before or after the activation.
        pooling: Behind each stage, as long as the map is large enough.
        last_pooling: From the last map to the first hidden layer; none hands over every position.
        dropout: Behind each hidden layer, in front of the head where there is none; around where it drops weights.
        conv_dropout: At the end of each stage, or around its convolutions where it drops weights.
        initializer: Of all weights.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.

    Returns:
        (N, C, H, W) -> (N, num_outputs).

    Raises:
        BadValue: The input is no image, a stage or a width is below 1, or a pooling leaves no map or too much of one.

    Reference:
        Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015, table 1.
    """
    if not stages or min(stages) < 1:
        raise BadValue(f"vgg.stages={stages!r} is not possible: expected at least one, each of at least 1 convolution.")
    return stack(
        "vgg",
        input_shape,
        num_outputs,
        [Stage((width * min(2**number, _WIDEST),) * count) for number, count in enumerate(stages)],
        hidden,
        Layers(
            activation=activation,
            norm=norm,
            norm_place=norm_place,
            pooling=pooling,
            last_pooling=last_pooling,
            dropout=dropout,
            conv_dropout=conv_dropout,
        ),
        initializer=initializer,
        head_scale=head_scale,
    )
