"""ConvNeXt: a residual network of large depthwise convolutions."""

import torch
from torch import Tensor, nn

from trainwell.activations import activations, width_factor
from trainwell.dropouts import dropouts
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.initializers import initializers
from trainwell.models import check_images, check_overall, dropped, initialized, models, smallest_side
from trainwell.norms import norms
from trainwell.poolings import poolings

_KERNEL = 7
_WIDENING = 4  # a branch is so many times as wide inside
_SIDE = 56  # pixels of the first map in the paper, 224 / 4: patches never make it smaller than that
_LARGEST_PATCH = 4


class Branch(nn.Module):
    """Depthwise 7 x 7, norm, 1 x 1 to four times the width, activation, 1 x 1 back, a learnt scale.

    Args:
        width: Channels.
        activation: One of `activations`.
        norm: One of `norms`.
        dropout: One of `dropouts`, behind the activation.
        start: Where the scale starts.
    """

    def __init__(
        self, width: int, activation: Part | str, norm: Part | str, dropout: Part | str | None, start: float
    ) -> None:
        super().__init__()
        inside = _WIDENING * width
        widen, *behind = dropped(dropout, nn.Conv2d(width, inside * width_factor(activation), 1))
        self.layers = nn.Sequential(
            nn.Conv2d(
                width,
                width,
                _KERNEL,
                padding=_KERNEL // 2,
                groups=width,
                bias=not norms[norms.part(norm).name].facts.get("absorbs_bias"),
            ),
            norms.build(norm, width, 2),
            widen,
            activations.build(activation),
            *behind,
            nn.Conv2d(inside, width, 1),
        )
        self.scale = nn.Parameter(torch.full((width,), start))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        out: Tensor = self.layers(maps) * self.scale.view(-1, 1, 1)
        return out


class Residual(nn.Module):
    """A branch and what passes it by.

    Args:
        branch: (N, C, H, W) -> (N, C, H, W).
        p: Probability that the branch is dropped.
    """

    def __init__(self, branch: nn.Module, p: float) -> None:
        super().__init__()
        self.branch = dropouts.build(Part("dropouts", "stochastic_depth", {"p": p}), branch)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        summed: Tensor = maps + self.branch(maps)
        return summed


@models.add(
    "convnext",
    paper="https://arxiv.org/abs/2201.03545",
    tune={"width": (32, 48, 96), "stochastic_depth": (0.0, 0.3)},
    limits={"width": "[1, inf)", "stochastic_depth": "[0, 1)", "scale": "[0, inf)", "head_scale": "[0, inf)"},
    parts={
        "activation": activations,
        "norm": norms,
        "last_pooling": poolings,
        "dropout": dropouts,
        "initializer": initializers,
    },
)
def convnext(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    blocks: tuple[int, ...] = (3, 3, 9, 3),
    width: int = 96,
    activation: Part | str = "gelu",
    norm: Part | str = "layer",
    dropout: Part | str | None = None,
    initializer: Part | str = "auto",
    last_pooling: Part | str = "global_avg",
    stochastic_depth: float = 0.0,
    scale: float = 1e-6,
    head_scale: float = 0.1,
) -> nn.Module:
    """Patches, stages of residual branches with depthwise 7 x 7 convolutions, a linear head.

    Definition: a branch is depthwise 7 x 7, norm, 1 x 1 to four times the width, activation, 1 x 1 back, times a learnt
    scale for each channel that starts near 0; it is added to its input, and no activation follows the sum. Between
    stages a norm and a 2 x 2 convolution of stride 2 double the channels, as long as the map can be halved. Patches are
    4 x 4 for photos and smaller for small images, down to one pixel. One norm and one activation a branch stand where
    they stand, so there is no `norm_place`. We differ from the paper: `layer` has one mean a sample and not one a
    position.

    Reach for it when there is data and time for a modern network: it takes AdamW, mixing and long training well.

    Leave it when data are few or the training is short, where convolutions that share across channels learn faster:
    take convnet or resnet18.

    Cost: 28.6 million parameters with 1000 outputs, 4.5 billion multiplications for an image of 224 x 224. Depthwise
    convolutions are few multiplications and many reads, slow on a CPU.

    Args:
        input_shape: (C, H, W).
        num_outputs: Number of outputs.
        blocks: Branches in each stage.
        width: Channels of the first stage; each further one has twice as many.
        activation: Inside each branch.
        norm: Inside each branch, behind the patches, between stages and in front of the head, where one that goes by
            positions is left out.
        dropout: Behind the activation of each branch, or around the 1 x 1 in front of it where it drops weights.
        initializer: Of all weights.
        last_pooling: From the last map to the head.
        stochastic_depth: Probability of dropping the last branch in training; it rises evenly from 0 at the first.
        scale: Where the scale of each branch starts: near 0, so that the network starts as a shallow one.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.

    Returns:
        (N, C, H, W) -> (N, num_outputs).

    Raises:
        BadValue: The input is no image, a stage has no branch, or the dropout drops branches, for which there is
            `stochastic_depth`.

    Reference:
        Liu et al., "A ConvNet for the 2020s", 2022, sections 2.2 to 2.6; the scale: Touvron et al., "Going deeper with
        Image Transformers", 2021, section 2.
    """
    check_images("convnext", input_shape, norm)
    check_overall("convnext", last_pooling)
    if not blocks or min(blocks) < 1:
        raise BadValue(f"convnext.blocks={blocks!r} is not possible: expected at least one, each of at least 1 branch.")
    side = min(input_shape[1:])
    patch = max(1, min(_LARGEST_PATCH, side // _SIDE))
    side //= patch
    layers: list[nn.Module] = [
        nn.Conv2d(input_shape[0], width, patch, patch, bias=not norms[norms.part(norm).name].facts.get("absorbs_bias")),
        norms.build(norm, width, 2),
    ]
    built, channels = 0, width
    for stage, count in enumerate(blocks):
        if stage:
            stride = 2 if side // 2 >= smallest_side(norm) else 1
            layers += [norms.build(norm, channels, 2), nn.Conv2d(channels, 2 * channels, stride, stride)]
            channels, side = 2 * channels, side // stride
        for _ in range(count):
            p = stochastic_depth * built / max(1, sum(blocks) - 1)
            layers.append(Residual(Branch(channels, activation, norm, dropout, scale), p))
            built += 1
    head = nn.Linear(channels, num_outputs)
    last_norm = norms.build(norm, channels, 0) if smallest_side(norm) == 1 else nn.Identity()
    model = nn.Sequential(*layers, poolings.build(last_pooling, channels, 2), last_norm, head)
    initialized(model, initializer, activation=activation, head=head, head_scale=head_scale)
    return model
