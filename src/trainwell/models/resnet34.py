"""ResNet-34: ResNet-18 with twice the layers."""

from torch import nn

from trainwell.family import Part
from trainwell.models import NormPlace, models
from trainwell.models.resnet import LIMITS, PAPER, PARTS, TUNE, Layers, resnet


@models.add("resnet34", paper=PAPER, tune=TUNE, limits=LIMITS, parts=PARTS)
def resnet34(
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
    """Residual network of 34 layers.

    Definition: as resnet18, with 3, 4, 6 and 3 blocks in the four stages.

    Reach for it when resnet18 has too little capacity: its score on the training set stays below what is wanted.

    Leave it when resnet18 overfits already; more layers will not help that.

    Cost: 21.8 million parameters with 1000 outputs, 3.7 billion multiplications for an image of 224 x 224: twice those
    of resnet18.

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
        "resnet34",
        input_shape,
        num_outputs,
        width,
        (3, 4, 6, 3),
        False,
        Layers(activation, norm, norm_place, dropout),
        initializer,
        last_pooling,
        stochastic_depth,
        zero_init_residual,
        head_scale,
    )
