"""Residual networks: blocks that add to what passes through them. Serves several models."""

from dataclasses import dataclass

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
    dropped,
    has_shift,
    initialized,
    normed,
    smallest_side,
)
from trainwell.norms import norms
from trainwell.poolings import poolings

_SMALL = 64  # up to this side the stem keeps the resolution
_STAGES = 4  # each has twice the channels of the one before
PAPER = "https://arxiv.org/abs/1512.03385"
LIMITS = {"width": "[1, inf)", "stochastic_depth": "[0, 1)", "head_scale": "[0, inf)"}
TUNE = {"width": (16, 32, 64), "stochastic_depth": (0.0, 0.3)}
PARTS = {
    "activation": activations,
    "norm": norms,
    "last_pooling": poolings,
    "dropout": dropouts,
    "initializer": initializers,
}


@dataclass(frozen=True)
class Layers:
    """What the layers of a network are made with.

    Args:
        activation: One of `activations`.
        norm: One of `norms`.
        norm_place: Whether norms stand before or after the activations.
        dropout: One of `dropouts`, for the branches.
    """

    activation: Part | str
    norm: Part | str
    norm_place: NormPlace
    dropout: Part | str | None

    def bent(self, inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Conv2d, nn.Module, nn.Module]:
        """A convolution, and the norm and the activation that go with it."""
        modules = normed(self.norm, self.activation, outputs, 2, self.norm_place)
        convolution = _convolution(inputs, outputs, kernel, stride, modules[0])
        norm, activation = modules if self.norm_place == "before" else reversed(modules)
        return convolution, norm, activation

    def straight(self, inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Conv2d, nn.Module]:
        """A convolution and the norm behind it."""
        norm = norms.build(self.norm, outputs, 2)
        return _convolution(inputs, outputs, kernel, stride, norm), norm


class Block(nn.Module):
    """A residual block; its layers are called as torchvision calls them.

    Args:
        inputs: Channels that come in.
        width: Channels inside.
        stride: Of the 3 x 3 convolution that shrinks the map.
        bottleneck: 1 x 1, 3 x 3, 1 x 1 to four times the width, instead of two 3 x 3.
        layers: What it is made with.
        p: Probability that the branch is dropped.
    """

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool, layers: Layers, p: float) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        sizes = (
            ((width, 1, 1), (width, 3, stride), (outputs, 1, 1)) if bottleneck else ((width, 3, stride), (width, 3, 1))
        )
        self.depth = len(sizes)
        self.norm_first = layers.norm_place == "before"
        channels = inputs
        for number, (features, kernel, step) in enumerate(sizes, start=1):
            if number < self.depth:
                convolution, norm, activation = layers.bent(channels, features, kernel, step)
                self.add_module(f"activation{number}", activation)
            else:
                convolution, norm = layers.straight(channels, features, kernel, step)
            wrapped, *behind = dropped(layers.dropout, convolution)
            self.add_module(f"conv{number}", wrapped)
            self.add_module(f"bn{number}", norm)
            if number < self.depth:
                self.add_module(f"dropout{number}", nn.Sequential(*behind))
            channels = features
        self.activation = activations.build(layers.activation)
        self.skip = dropouts.build(Part("dropouts", "stochastic_depth", {"p": p}), nn.Identity())
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(*layers.straight(inputs, outputs, 1, stride))

    def last(self) -> nn.Module:
        """The last module of the branch that has a scale: its norm, or its convolution where the norm has none."""
        norm = self.get_submodule(f"bn{self.depth}")
        if isinstance(getattr(norm, "weight", None), Tensor):
            return norm
        return next(m for m in self.get_submodule(f"conv{self.depth}").modules() if isinstance(m, nn.Conv2d))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H / stride, W / stride)."""
        out = maps
        for number in range(1, self.depth):
            first, second = f"bn{number}", f"activation{number}"
            out = getattr(self, f"conv{number}")(out)
            for name in (first, second) if self.norm_first else (second, first):
                out = getattr(self, name)(out)
            out = getattr(self, f"dropout{number}")(out)
        out = getattr(self, f"bn{self.depth}")(getattr(self, f"conv{self.depth}")(out))
        passing = maps if self.downsample is None else self.downsample(maps)
        summed: Tensor = self.activation(self.skip(out) + passing)
        return summed


class ResNet(nn.Module):
    """Stem, four stages of blocks, pooling of the whole map, linear head.

    Args:
        input_shape: (C, H, W).
        width: Channels of the stem and inside the blocks of the first stage.
        blocks: Number of blocks in each stage.
        bottleneck: Kind of the blocks.
        num_outputs: Number of outputs.
        layers: What it is made with.
        last_pooling: One of `poolings`, over the whole map.
        stochastic_depth: Probability of dropping the last branch; it rises evenly from 0.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: int,
        blocks: tuple[int, ...],
        bottleneck: bool,
        num_outputs: int,
        layers: Layers,
        last_pooling: Part | str,
        stochastic_depth: float,
    ) -> None:
        super().__init__()
        side = min(input_shape[1:])
        small = side <= _SMALL
        self.conv1, self.bn1, self.activation = layers.bent(input_shape[0], width, *((3, 1) if small else (7, 2)))
        self.norm_first = layers.norm_place == "before"
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        side = side if small else (side + 3) // 4
        inputs, built = width, 0
        for stage, count in enumerate(blocks, start=1):
            inside = width * 2 ** (stage - 1)
            members = []
            for number in range(count):
                built += 1
                p = stochastic_depth * built / sum(blocks)
                can_shrink = (side + 1) // 2 >= smallest_side(layers.norm)
                shrink = 2 if stage > 1 and number == 0 and can_shrink else 1
                side = (side + shrink - 1) // shrink
                members.append(Block(inputs, inside, shrink, bottleneck, layers, p))
                inputs = 4 * inside if bottleneck else inside
            self.add_module(f"layer{stage}", nn.Sequential(*members))
        self.avgpool = poolings.build(last_pooling, inputs, 2)
        self.fc = nn.Linear(inputs, num_outputs)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K)."""
        maps = self.conv1(images)
        maps = self.activation(self.bn1(maps)) if self.norm_first else self.bn1(self.activation(maps))
        maps = self.maxpool(maps)
        for stage in range(1, _STAGES + 1):
            maps = getattr(self, f"layer{stage}")(maps)
        outputs: Tensor = self.fc(self.avgpool(maps))
        return outputs


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, behind: nn.Module) -> nn.Conv2d:
    """Padded to keep the size at stride 1; without a bias where what is behind it has one."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=not has_shift(behind))


def resnet(
    id: str,
    input_shape: tuple[int, ...],
    num_outputs: int,
    width: int,
    blocks: tuple[int, int, int, int],
    bottleneck: bool,
    layers: Layers,
    initializer: Part | str,
    last_pooling: Part | str,
    stochastic_depth: float,
    zero_init_residual: bool,
    head_scale: float,
) -> nn.Module:
    """Build a residual network and initialise it.

    Args:
        id: Of the model, for messages.
        input_shape: (C, H, W).
        num_outputs: Number of outputs.
        width: Channels of the stem and inside the blocks of the first stage.
        blocks: Number of blocks in each stage.
        bottleneck: Kind of the blocks.
        layers: What it is made with.
        initializer: Of all weights.
        last_pooling: From the last map to the head.
        stochastic_depth: Probability of dropping the last branch.
        zero_init_residual: Whether each branch starts at 0.
        head_scale: Factor on the initial weights of the head.

    Returns:
        (N, C, H, W) -> (N, num_outputs).

    Raises:
        BadValue: The input is no image, or the activation changes the number of channels.
    """
    check_images(id, input_shape, layers.norm)
    check_overall(id, last_pooling)
    if width_factor(layers.activation) != 1:
        raise BadValue(
            f"{id} adds what the activation gives to what it took, and {activations.part(layers.activation)} gives "
            "fewer channels than it takes. Take it in convnet, vgg or mlp."
        )
    model = ResNet(input_shape, width, blocks, bottleneck, num_outputs, layers, last_pooling, stochastic_depth)
    initialized(model, initializer, activation=layers.activation, head=model.fc, head_scale=head_scale)
    for module in model.modules():
        if zero_init_residual and isinstance(module, Block):
            nn.init.zeros_(module.last().weight)  # type: ignore[arg-type]
    return model
