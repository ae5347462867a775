"""ResNets: blocks that add to what passes through them."""

from torch import Tensor, nn

from trainwell.activations import activations, width_factor
from trainwell.dropouts import dropouts
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.initializers import initializers
from trainwell.models import initialized, models
from trainwell.norms import norms
from trainwell.poolings import poolings

_SMALL = 64  # up to this side the stem keeps the resolution
_WIDTHS = (64, 128, 256, 512)
_PAPER = "https://arxiv.org/abs/1512.03385"
_LIMITS = {"stochastic_depth": "[0, 1)", "head_scale": "[0, inf)"}
_TUNE = {"stochastic_depth": (0.0, 0.3)}
_PARTS = {"activation": activations, "norm": norms, "initializer": initializers}


class Block(nn.Module):
    """A residual block; its layers are called as torchvision calls them.

    Args:
        inputs: Channels that come in.
        width: Channels inside.
        stride: Of the 3 x 3 convolution that shrinks the map.
        bottleneck: 1 x 1, 3 x 3, 1 x 1 to four times the width, instead of two 3 x 3.
        activation: One of `activations`.
        norm: One of `norms`.
        p: Probability that the branch is dropped.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int,
        bottleneck: bool,
        activation: Part | str,
        norm: Part | str,
        p: float,
    ) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        sizes = (
            ((width, 1, 1), (width, 3, stride), (outputs, 1, 1)) if bottleneck else ((width, 3, stride), (width, 3, 1))
        )
        channels = inputs
        for number, (features, kernel, step) in enumerate(sizes, start=1):
            normed = norms.build(norm, features, 2)
            self.add_module(f"conv{number}", _convolution(channels, features, kernel, step, normed))
            self.add_module(f"bn{number}", normed)
            channels = features
        self.depth = len(sizes)
        self.activation = activations.build(activation)
        self.skip = dropouts.build(Part("dropouts", "stochastic_depth", {"p": p}), nn.Identity())
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            normed = norms.build(norm, outputs, 2)
            self.downsample = nn.Sequential(_convolution(inputs, outputs, 1, stride, normed), normed)

    def last(self) -> nn.Module:
        """The last module of the branch that has a scale: its norm, or its convolution where the norm has none."""
        norm = self.get_submodule(f"bn{self.depth}")
        return norm if isinstance(getattr(norm, "weight", None), Tensor) else self.get_submodule(f"conv{self.depth}")

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H / stride, W / stride)."""
        out = maps
        for number in range(1, self.depth + 1):
            out = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(out))
            if number < self.depth:
                out = self.activation(out)
        passing = maps if self.downsample is None else self.downsample(maps)
        summed: Tensor = self.activation(self.skip(out) + passing)
        return summed


class ResNet(nn.Module):
    """Stem, four stages of blocks, mean over the map, linear head.

    Args:
        channels: Of the input.
        small: Whether the stem keeps the resolution.
        blocks: Number of blocks in each stage.
        bottleneck: Kind of the blocks.
        num_outputs: Number of outputs.
        activation: One of `activations`.
        norm: One of `norms`.
        stochastic_depth: Probability of dropping the last branch; it rises evenly from 0.
    """

    def __init__(
        self,
        channels: int,
        small: bool,
        blocks: tuple[int, ...],
        bottleneck: bool,
        num_outputs: int,
        activation: Part | str,
        norm: Part | str,
        stochastic_depth: float,
    ) -> None:
        super().__init__()
        normed = norms.build(norm, _WIDTHS[0], 2)
        kernel, stride = (3, 1) if small else (7, 2)
        self.conv1 = _convolution(channels, _WIDTHS[0], kernel, stride, normed)
        self.bn1 = normed
        self.activation = activations.build(activation)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        inputs, built = _WIDTHS[0], 0
        for stage, (width, count) in enumerate(zip(_WIDTHS, blocks, strict=True), start=1):
            layers = []
            for number in range(count):
                built += 1
                p = stochastic_depth * built / sum(blocks)
                shrink = 2 if stage > 1 and number == 0 else 1
                layers.append(Block(inputs, width, shrink, bottleneck, activation, norm, p))
                inputs = 4 * width if bottleneck else width
            self.add_module(f"layer{stage}", nn.Sequential(*layers))
        self.avgpool = poolings.build("global_avg", inputs, 2)
        self.fc = nn.Linear(inputs, num_outputs)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K)."""
        maps = self.maxpool(self.activation(self.bn1(self.conv1(images))))
        for stage in range(1, len(_WIDTHS) + 1):
            maps = getattr(self, f"layer{stage}")(maps)
        outputs: Tensor = self.fc(self.avgpool(maps))
        return outputs


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, norm: nn.Module) -> nn.Conv2d:
    """Padded to keep the size at stride 1; without a bias where the norm behind it has one."""
    has_shift = getattr(norm, "bias", None) is not None
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=not has_shift)


def _resnet(
    input_shape: tuple[int, ...],
    num_outputs: int,
    blocks: tuple[int, ...],
    bottleneck: bool,
    activation: Part | str,
    norm: Part | str,
    initializer: Part | str,
    stochastic_depth: float,
    zero_init_residual: bool,
    head_scale: float,
) -> nn.Module:
    if len(input_shape) != 3:
        raise BadValue(f"A resnet takes images (C, H, W), got shape {input_shape}. For rows take mlp.")
    if width_factor(activation) != 1:
        raise BadValue(f"A resnet needs an activation that keeps the number of channels; {activation} does not.")
    small = min(input_shape[1:]) <= _SMALL
    model = ResNet(input_shape[0], small, blocks, bottleneck, num_outputs, activation, norm, stochastic_depth)
    initialized(model, initializer, activation=activation, head=model.fc, head_scale=head_scale)
    for module in model.modules():
        if zero_init_residual and isinstance(module, Block):
            nn.init.zeros_(module.last().weight)  # type: ignore[arg-type]
    return model


@models.add("resnet18", paper=_PAPER, tune=_TUNE, limits=_LIMITS, parts=_PARTS)
def resnet18(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    activation: Part | str = "relu",
    norm: Part | str = "batch",
    initializer: Part | str = "auto",
    stochastic_depth: float = 0.0,
    zero_init_residual: bool = True,
    head_scale: float = 0.1,
) -> nn.Module:
    """Residual network of 18 layers.

    The usual first choice for photos: 11.7 million parameters.

    Args:
        input_shape: (C, H, W); up to 64 px the stem is one 3 x 3 convolution that keeps the resolution, beyond that a
            7 x 7 of stride 2 and a max pooling.
        num_outputs: Number of outputs.
        activation: Behind each norm, and behind each sum.
        norm: Behind each convolution.
        initializer: Of all weights.
        stochastic_depth: Probability of dropping the last branch in training; it rises evenly from the first.
        zero_init_residual: Whether each branch starts at 0, so that the network starts as a shallow one.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.

    Returns:
        (N, C, H, W) -> (N, num_outputs); parameters are named and shaped as torchvision's.

    Raises:
        BadValue: The input is no image, or the activation changes the number of channels.

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016, table 1; a branch that starts at 0: Goyal et
        al., "Accurate, Large Minibatch SGD", 2017, section 5.1.
    """
    return _resnet(
        input_shape,
        num_outputs,
        (2, 2, 2, 2),
        False,
        activation,
        norm,
        initializer,
        stochastic_depth,
        zero_init_residual,
        head_scale,
    )


@models.add("resnet34", paper=_PAPER, tune=_TUNE, limits=_LIMITS, parts=_PARTS)
def resnet34(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    activation: Part | str = "relu",
    norm: Part | str = "batch",
    initializer: Part | str = "auto",
    stochastic_depth: float = 0.0,
    zero_init_residual: bool = True,
    head_scale: float = 0.1,
) -> nn.Module:
    """Residual network of 34 layers.

    As resnet18 with twice the blocks: 21.8 million parameters.

    Args:
        input_shape: (C, H, W); up to 64 px the stem is one 3 x 3 convolution that keeps the resolution, beyond that a
            7 x 7 of stride 2 and a max pooling.
        num_outputs: Number of outputs.
        activation: Behind each norm, and behind each sum.
        norm: Behind each convolution.
        initializer: Of all weights.
        stochastic_depth: Probability of dropping the last branch in training; it rises evenly from the first.
        zero_init_residual: Whether each branch starts at 0, so that the network starts as a shallow one.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.

    Returns:
        (N, C, H, W) -> (N, num_outputs); parameters are named and shaped as torchvision's.

    Raises:
        BadValue: The input is no image, or the activation changes the number of channels.

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016, table 1; a branch that starts at 0: Goyal et
        al., "Accurate, Large Minibatch SGD", 2017, section 5.1.
    """
    return _resnet(
        input_shape,
        num_outputs,
        (3, 4, 6, 3),
        False,
        activation,
        norm,
        initializer,
        stochastic_depth,
        zero_init_residual,
        head_scale,
    )


@models.add("resnet50", paper=_PAPER, tune=_TUNE, limits=_LIMITS, parts=_PARTS)
def resnet50(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    activation: Part | str = "relu",
    norm: Part | str = "batch",
    initializer: Part | str = "auto",
    stochastic_depth: float = 0.0,
    zero_init_residual: bool = True,
    head_scale: float = 0.1,
) -> nn.Module:
    """Residual network of 50 layers, with bottlenecks that shrink the map at their 3 x 3 convolution.

    25.6 million parameters; more accurate than resnet34 at a like cost, given enough data.

    Args:
        input_shape: (C, H, W); up to 64 px the stem is one 3 x 3 convolution that keeps the resolution, beyond that a
            7 x 7 of stride 2 and a max pooling.
        num_outputs: Number of outputs.
        activation: Behind each norm, and behind each sum.
        norm: Behind each convolution.
        initializer: Of all weights.
        stochastic_depth: Probability of dropping the last branch in training; it rises evenly from the first.
        zero_init_residual: Whether each branch starts at 0, so that the network starts as a shallow one.
        head_scale: Factor on the initial weights of the head: small, so that the initial loss is what the task implies.

    Returns:
        (N, C, H, W) -> (N, num_outputs); parameters are named and shaped as torchvision's.

    Raises:
        BadValue: The input is no image, or the activation changes the number of channels.

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016, table 1; a branch that starts at 0: Goyal et
        al., "Accurate, Large Minibatch SGD", 2017, section 5.1.
    """
    return _resnet(
        input_shape,
        num_outputs,
        (3, 4, 6, 3),
        True,
        activation,
        norm,
        initializer,
        stochastic_depth,
        zero_init_residual,
        head_scale,
    )
