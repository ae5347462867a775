"""AlexNet: the network with which deep learning on photos began."""

from torch import nn

from trainwell.family import Part
from trainwell.models import NormPlace, models
from trainwell.models.stack import STACK_PARTS, Layers, Stage, stack

_SMALL = 64  # up to this side the first convolution keeps the resolution


@models.add(
    "alexnet",
    paper="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
    tune={"width": (24, 48, 96)},
    limits={"width": "[3, inf)", "head_scale": "[0, inf)"},
    parts=STACK_PARTS,
)
def alexnet(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    width: int = 96,
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
    """Five convolutions with three poolings, two wide hidden layers, a linear head.

    Definition: 11 x 11 of stride 4 to 96 channels, pooling; 5 x 5 to 256, pooling; three 3 x 3 to 384, 384 and 256,
    pooling; two hidden layers. Up to 64 px the first is a 5 x 5 that keeps the resolution, as in the author's networks
    for CIFAR-10. We differ from the paper: one tower in place of two that see half of each other, poolings that do not
    overlap, and no local response normalisation, which later work found to do little.

    Reach for it to see what ReLU, dropout and augmentation did for networks in 2012.

    Leave it when the score counts: a resnet is more accurate with a fifth of the parameters.

    Cost: 62.4 million parameters for photos of 224 x 224 in 1000 classes, 58.6 million of them in the fully connected
    layers; 1.1 billion multiplications an image.

    Args:
        input_shape: (C, H, W).
        num_outputs: Number of outputs.
        width: Channels of the first convolution; the others have 8/3, 4, 4 and 8/3 times as many.
        hidden: Units of the fully connected layers in front of the head.
        activation: Behind each convolution and each hidden layer.
        norm: With each convolution, which has no bias where it stands next to it and has one.
        norm_place: Whether the norm stands before or after the activation.
        pooling: Behind the first, the second and the last convolution, as long as the map is large enough.
        last_pooling: From the last map to the first hidden layer; none hands over every position.
        dropout: Behind each hidden layer, in front of the head where there is none; around where it drops weights.
        conv_dropout: At the end of each stage, or around its convolutions where it drops weights.
        initializer: Of all weights.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.

    Returns:
        (N, C, H, W) -> (N, num_outputs).

    Raises:
        BadValue: The input is no image, a width is below 1, or a pooling leaves no map or too much of one.

    Reference:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
        section 3.5; the local response normalisation: Simonyan, Zisserman, "Very Deep Convolutional Networks", 2015,
        section 4.1.
    """
    small = min(input_shape[1:], default=0) <= _SMALL
    wide, widest = 8 * width // 3, 4 * width
    stages = [
        Stage((width,), 5, padding=2) if small else Stage((width,), 11, stride=4, padding=2),
        Stage((wide,), 5, padding=2),
        Stage((widest, widest, wide)),
    ]
    return stack(
        "alexnet",
        input_shape,
        num_outputs,
        stages,
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
