"""LeNet-5: the first convolutional network in daily use."""

from torch import nn

from trainwell.family import Part
from trainwell.models import NormPlace, models
from trainwell.models.stack import STACK_PARTS, Layers, Stage, stack

_PADDED = 32  # up to this side the first convolution is padded: the paper pads digits of 28 px to 32
_KERNEL = 5


@models.add(
    "lenet",
    paper="https://doi.org/10.1109/5.726791",
    limits={"head_scale": "[0, inf)"},
    parts=STACK_PARTS,
)
def lenet(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    widths: tuple[int, int] = (6, 16),
    hidden: tuple[int, ...] = (120, 84),
    activation: Part | str = "tanh",
    norm: Part | str = "none",
    norm_place: NormPlace = "before",
    pooling: Part | str = "avg",
    last_pooling: Part | str | None = None,
    dropout: Part | str | None = None,
    conv_dropout: Part | str | None = None,
    initializer: Part | str = "auto",
    head_scale: float = 0.1,
) -> nn.Module:
    """Two 5 x 5 convolutions with average pooling behind each, two hidden layers, a linear head.

    Definition: convolution to 6 maps, activation, pooling; to 16, activation, pooling; 120 and 84 units. Below 32 px
    the first convolution is padded, and the second where its map has fewer than 6, so that it works from 1 px on. We
    differ from the paper: the second convolution sees all maps and not a table of them, the pooling has no scale and
    shift of its own and no activation behind it, the tanh is not stretched, and the head is linear in place of
    distances to drawn prototypes.

    Reach for it with digits and other small grey images, and to see what came before ReLU, batch norm and dropout.

    Leave it when images are photos: two convolutions see too little. Take convnet or a resnet.

    Cost: 61,706 parameters for digits of 28 x 28 in 10 classes, 0.4 million multiplications an image.

    Args:
        input_shape: (C, H, W).
        num_outputs: Number of outputs.
        widths: Channels of both convolutions.
        hidden: Units of the fully connected layers in front of the head.
        activation: Behind each convolution and each hidden layer.
        norm: With each convolution, which has no bias where it stands next to it and has one.
        norm_place: Whether the norm stands before or after the activation.
        pooling: Behind each convolution, as long as the map is large enough.
        last_pooling: From the last map to the first hidden layer; none hands over every position.
        dropout: Behind each hidden layer, in front of the head where there is none; around where it drops weights.
        conv_dropout: At the end of each stage, or around its convolution where it drops weights.
        initializer: Of all weights.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.

    Returns:
        (N, C, H, W) -> (N, num_outputs).

    Raises:
        BadValue: The input is no image, a width is below 1, or a pooling leaves no map or too much of one.

    Reference:
        LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998, section II.B.
    """
    side = min(input_shape[1:], default=0)
    first = _KERNEL // 2 if side < _PADDED else 0
    second = _KERNEL // 2 if (side + 2 * first - _KERNEL + 1) // 2 <= _KERNEL else 0
    return stack(
        "lenet",
        input_shape,
        num_outputs,
        [Stage((widths[0],), _KERNEL, padding=first), Stage((widths[1],), _KERNEL, padding=second)],
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
