"""Convnet: a small, fast network for images up to 64 px."""

from torch import Tensor, nn

from trainwell.activations import activations, width_factor
from trainwell.dropouts import dropouts
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.initializers import initializers
from trainwell.models import dropped, initialized, models
from trainwell.norms import norms
from trainwell.poolings import poolings

_PATCH = 2  # side of the patches that the first convolution sees
_NORM = Part("norms", "batch", {"eps": 1e-12, "momentum": 0.4, "learn_scale": False})


class Convnet(nn.Module):
    """Patch convolution, blocks, global max pooling, linear head.

    Args:
        whiten: Convolution on small patches.
        activation: Behind it.
        blocks: Maps to maps.
        dropout: In front of the head.
        head: Features to outputs, (N, F) -> (N, K).
        output_scale: Factor on the outputs.
    """

    def __init__(
        self,
        whiten: nn.Module,
        activation: nn.Module,
        blocks: nn.Module,
        dropout: nn.Module,
        head: nn.Module,
        output_scale: float,
    ) -> None:
        super().__init__()
        self.whiten = whiten
        self.activation = activation
        self.blocks = blocks
        self.pool = poolings.build("global_max", 0, 2)
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
        "dropout": dropouts,
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
    pooling: Part | str = "max",
    dropout: Part | str | None = None,
    initializer: Part | str = "dirac",
    whitening: bool = True,
    head_scale: float = 1 / 9,
) -> nn.Module:
    """A whitening of 2 x 2 patches, blocks of 3 x 3 convolutions, and a linear head on the strongest response.

    A block is convolution, pooling, norm, activation, then (convolution, norm, activation) as often as `convolutions`
    asks for beyond the first. The first block has `width` channels, the others four times as many. Where the map has
    become smaller than a pooling window, it is not pooled any more, so that it works from 2 px on; made for 8 to 64.
    A norm has its scale frozen at 1 and a short memory, which suits short trainings. The head has no bias.

    Args:
        input_shape: (C, H, W).
        num_outputs: Number of outputs.
        width: Channels of the first block.
        blocks: Number of blocks.
        convolutions: Convolutions in a block.
        activation: Behind the whitening and each norm.
        norm: Behind each convolution; the convolutions have no bias where it has one.
        pooling: Behind the first convolution of each block.
        dropout: In front of the head, or around it where it drops weights.
        initializer: Of the 3 x 3 convolutions and the head.
        whitening: Whether the patch convolution is set from the data by `prepare` and frozen but for its bias;
            otherwise it is learnt like the others.
        head_scale: Factor on the outputs, in training and afterwards: with 1/9 the initial loss is what the task
            implies, and the head learns more slowly than the rest.

    Returns:
        (N, C, H, W) -> (N, num_outputs).

    Raises:
        BadValue: The input is no image or smaller than a patch, or the pooling leaves no map.

    Reference:
        Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, section 3 and appendix A.
    """
    if len(input_shape) != 3 or min(input_shape[1:]) < _PATCH:
        raise BadValue(f"convnet takes images (C, H, W) of at least {_PATCH} px, got shape {input_shape}.")
    if poolings[poolings.part(pooling).name].facts.get("overall"):
        raise BadValue("convnet pools windows between its convolutions; a pooling of the whole map leaves nothing.")
    factor = width_factor(activation)
    window = int(poolings.resolve(pooling).args.get("size", 2))
    whiten = nn.Conv2d(input_shape[0], 2 * input_shape[0] * _PATCH**2, _PATCH)
    channels = whiten.out_channels // factor
    side = min(input_shape[1:]) - _PATCH + 1
    layers: list[nn.Module] = []
    for block in range(blocks):
        features = width if block == 0 else 4 * width
        for convolution in range(convolutions):
            normed = norms.build(norm, features * factor, 2)
            has_shift = getattr(normed, "bias", None) is not None
            layers.append(nn.Conv2d(channels, features * factor, 3, padding=1, bias=not has_shift))
            if convolution == 0 and side >= window:
                layers.append(poolings.build(pooling, features * factor, 2))
                side //= window
            layers += [normed, activations.build(activation)]
            channels = features
    head = nn.Linear(channels, num_outputs, bias=False)
    last, *before = dropped(dropout, head)
    model = Convnet(
        whiten, activations.build(activation), nn.Sequential(*layers), nn.Sequential(*before), last, head_scale
    )
    ours = {"whiten": Part("initializers", "whitening")} if whitening else {}
    initialized(model, initializer, activation=activation, head=head, head_scale=1.0, data_initializers=ours)
    whiten.weight.requires_grad_(not whitening)
    return model
