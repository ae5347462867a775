"""Convnet: a small, fast network for images up to 64 px."""

from torch import Tensor, nn

from trainwell.activations import activations, width_factor
from trainwell.dropouts import dropouts
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.initializers import initializers
from trainwell.models import (
    NormPlace,
    check_images,
    check_overall,
    check_window,
    dropped,
    has_shift,
    initialized,
    models,
    normed,
    pooled,
)
from trainwell.norms import norms
from trainwell.poolings import poolings

_PATCH = 2  # side of the patches that the first convolution sees
_NORM = Part("norms", "batch", {"eps": 1e-5, "momentum": 0.4, "learn_scale": False})


class Convnet(nn.Module):
    """Patch convolution, blocks, pooling of the whole map, linear head.

    Args:
        whiten: Convolution on small patches.
        activation: Behind it.
        blocks: Maps to maps.
        pool: Maps to features, (N, F, H, W) -> (N, F).
        dropout: In front of the head.
        head: Features to outputs, (N, F) -> (N, K).
        output_scale: Factor on the outputs.
    """

    def __init__(
        self,
        whiten: nn.Module,
        activation: nn.Module,
        blocks: nn.Module,
        pool: nn.Module,
        dropout: nn.Module,
        head: nn.Module,
        output_scale: float,
    ) -> None:
        super().__init__()
        self.whiten = whiten
        self.activation = activation
        self.blocks = blocks
        self.pool = pool
        self.dropout = dropout
        self.head = head
        self.output_scale = output_scale

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K)."""
        maps = self.blocks(self.activation(self.whiten(images)))
        outputs: Tensor = self.head(self.dropout(self.pool(maps)))
        return outputs * self.output_scale


@models.add(
    "convnet",
    paper="https://arxiv.org/abs/2404.00498",
    tune={"width": (16, 32, 64, 128)},
    limits={"width": "[1, inf)", "blocks": "[1, inf)", "convolutions": "[1, inf)", "head_scale": "(0, inf)"},
    parts={
        "activation": activations,
        "norm": norms,
        "pooling": poolings,
        "last_pooling": poolings,
        "dropout": dropouts,
        "conv_dropout": dropouts,
        "initializer": initializers,
    },
)
def convnet(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    width: int = 64,
    blocks: int = 3,
    convolutions: int = 2,
    activation: Part | str = "gelu",
    norm: Part | str = _NORM,
    norm_place: NormPlace = "before",
    pooling: Part | str = "max",
    last_pooling: Part | str = "global_max",
    dropout: Part | str | None = None,
    conv_dropout: Part | str | None = None,
    initializer: Part | str = "dirac",
    whitening: bool = True,
    head_scale: float = 1 / 9,
) -> nn.Module:
    """A whitening of 2 x 2 patches, blocks of 3 x 3 convolutions, and a linear head on the strongest response.

    Definition: a block is convolution, pooling, norm, activation, then (convolution, norm, activation) as often as
    `convolutions` asks for beyond the first. The first block has `width` channels, the others four times as many. Where
    the map has become too small for a pooling window, it is not pooled any more, so that it works from 2 px on. The
    norm has its scale frozen at 1 and a short memory, which suits short trainings. The head has no bias.

    Reach for it with images of 8 to 64 px, when a good score is wanted in minutes.

    Leave it when images are larger: three blocks see too little of them. Take a resnet or convnext.

    Cost: 1.97 million parameters at width 64; they and the time grow with the square of the width. 0.12 billion
    multiplications for an image of 32 x 32.

    Args:
        input_shape: (C, H, W).
        num_outputs: Number of outputs.
        width: Channels of the first block.
        blocks: Number of blocks.
        convolutions: Convolutions in a block.
        activation: Behind the whitening and each norm.
        norm: With each convolution; the convolutions have no bias where it stands next to them and has one.
        norm_place: Whether the norm stands before or after the activation.
        pooling: Behind the first convolution of each block.
        last_pooling: From the last map to the head.
        dropout: In front of the head, or around it where it drops weights.
        conv_dropout: At the end of each block, or around its convolutions where it drops weights.
        initializer: Of the 3 x 3 convolutions and the head.
        whitening: Whether the patch convolution is set from the data by `prepare` and frozen but for its bias;
            otherwise it is learnt like the others.
        head_scale: Factor on the outputs, in training and afterwards: with 1/9 the initial loss is what the task
            implies, and the head learns more slowly than the rest.

    Returns:
        (N, C, H, W) -> (N, num_outputs).

    Raises:
        BadValue: The input is no image or smaller than a patch, a pooling leaves no map or too much of one, or the
            activation takes more channels at once than the patches give.

    Reference:
        Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, section 3 and appendix A.
    """
    check_images("convnet", input_shape, norm, _PATCH)
    check_window("convnet", pooling)
    check_overall("convnet", last_pooling)
    factor = width_factor(activation)
    whiten = nn.Conv2d(input_shape[0], 2 * input_shape[0] * _PATCH**2, _PATCH)
    if whiten.out_channels % factor:
        raise BadValue(
            f"The activation {activations.part(activation)} takes {factor} channels for one, and the {_PATCH} x "
            f"{_PATCH} patches of convnet give {whiten.out_channels}. Take a number that divides it."
        )
    channels = whiten.out_channels // factor
    size = (input_shape[1] - _PATCH + 1, input_shape[2] - _PATCH + 1)
    layers: list[nn.Module] = []
    for block in range(blocks):
        features = width if block == 0 else 4 * width
        for convolution in range(convolutions):
            first, second = normed(norm, activation, features, 2, norm_place)
            layer = nn.Conv2d(channels, features * factor, 3, padding=1, bias=not has_shift(first))
            wrapped, *behind = dropped(conv_dropout, layer)
            layers.append(wrapped)
            behind_it = pooled(pooling, size, norm)
            if convolution == 0 and behind_it != size:
                layers.append(poolings.build(pooling, features * factor, 2))
                size = behind_it
            layers += [first, second]
            channels = features
        layers += behind
    head = nn.Linear(channels, num_outputs, bias=False)
    last, *before = dropped(dropout, head)
    model = Convnet(
        whiten,
        activations.build(activation),
        nn.Sequential(*layers),
        poolings.build(last_pooling, channels, 2),
        nn.Sequential(*before),
        last,
        head_scale,
    )
    ours = {"whiten": Part("initializers", "whitening")} if whitening else {}
    initialized(model, initializer, activation=activation, head=head, head_scale=1.0, data_initializers=ours)
    whiten.weight.requires_grad_(not whitening)
    return model
