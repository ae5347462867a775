"""ResNet-18: the smallest of the residual networks for photos."""

from torch import nn

from trainwell.family import Part
from trainwell.models import NormPlace, models
from trainwell.models.resnet import LIMITS, PAPER, PARTS, TUNE, Layers, resnet


@models.add("resnet18", paper=PAPER, tune=TUNE, limits=LIMITS, parts=PARTS)
def resnet18(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    width: int = 64,
    activation: Part | str = "relu",
    norm: Part | str = "batch",
    norm_place: NormPlace = "before",
    dropout: Part | str | None = None,
    initializer: Part | str = "auto",
    last_pooling: Part | str = "global_avg",
    stochastic_depth: float = 0.0,
    zero_init_residual: bool = True,
    head_scale: float = 0.1,
) -> nn.Module:
    """Residual network of 18 layers.

    Definition: a block adds its branch to what passes it by, x <- a(x + F(x)), and F is convolution, norm, activation,
    convolution, norm with 3 x 3 convolutions; where the map is halved and the channels are doubled, a 1 x 1 projection
    passes. Two blocks in each of four stages of 64, 128, 256 and 512 channels.

    Reach for it with photos: the usual first choice, and the smallest of the three.

    Leave it when images are tiny and time is short, where convnet is as good and several times faster; when the score
    on the training set stays low, take resnet34 or resnet50.

    Cost: 11.7 million parameters with 1000 outputs, 1.8 billion multiplications for an image of 224 x 224. Whole maps
    are kept for the backward pass: about 21 MB an image of that size in fp32.

    Args:
        input_shape: (C, H, W); up to 64 px the stem is one 3 x 3 convolution that keeps the resolution, beyond that a
            7 x 7 of stride 2 and a max pooling.
        num_outputs: Number of outputs.
        width: Channels of the stem and inside the blocks of the first stage; each further stage has twice as many.
        activation: Behind each inner norm, and behind each sum.
        norm: With each convolution. A map too small for it is not shrunk any further.
        norm_place: Whether the inner norms stand before or after their activation; those at the end of a branch and of
            a projection, where there is no activation, stay.
        dropout: Behind the inner activations of each branch, or around its convolutions where it drops weights.
        initializer: Of all weights.
        last_pooling: From the last map to the head.
        stochastic_depth: Probability of dropping the last branch in training; it rises evenly from the first.
        zero_init_residual: Whether each branch starts at 0, so that the network starts as a shallow one.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.

    Returns:
        (N, C, H, W) -> (N, num_outputs); parameters are named as torchvision's and, at width 64, shaped as they are,
        but for convolutions inside a dropout of weights.

    Raises:
        BadValue: The input is no image, the activation changes the number of channels, or the dropout drops branches,
            for which there is `stochastic_depth`.

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016, table 1; a branch that starts at 0: Goyal et
        al., "Accurate, Large Minibatch SGD", 2017, section 5.1.
    """
    return resnet(
        "resnet18",
        input_shape,
        num_outputs,
        width,
        (2, 2, 2, 2),
        False,
        Layers(activation, norm, norm_place, dropout),
        initializer,
        last_pooling,
        stochastic_depth,
        zero_init_residual,
        head_scale,
    )
