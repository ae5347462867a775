"""State dicts in the naming of torchvision's and timm's residual networks, and their forward pass, written out."""

import hashlib

import torch
from torch import Tensor
from torch.nn import functional

DEPTHS = {"resnet18": (False, (2, 2, 2, 2)), "resnet34": (False, (3, 4, 6, 3)), "resnet50": (True, (3, 4, 6, 3))}


def weights(
    bottleneck: bool,
    blocks: tuple[int, ...],
    *,
    width: int = 64,
    outputs: int = 1000,
    kernel: int = 7,
    channels: int = 3,
) -> dict[str, Tensor]:
    """Names and shapes as in torchvision/models/resnet.py, which timm shares, with random values."""
    draws = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}

    def convolution(name: str, inputs: int, features: int, side: int) -> None:
        scale = (2 / (inputs * side * side)) ** 0.5
        state[f"{name}.weight"] = torch.randn(features, inputs, side, side, generator=draws) * scale

    def norm(name: str, features: int) -> None:
        for end, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
            state[f"{name}.{end}"] = low + torch.rand(features, generator=draws)
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    convolution("conv1", channels, width, kernel)
    norm("bn1", width)
    inputs = width
    for stage, count in enumerate(blocks):
        inside = width * 2**stage
        features = 4 * inside if bottleneck else inside
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            sizes = ((inside, 1), (inside, 3), (features, 1)) if bottleneck else ((inside, 3), (features, 3))
            passed = inputs
            for number, (size, side) in enumerate(sizes, start=1):
                convolution(f"{name}.conv{number}", passed, size, side)
                norm(f"{name}.bn{number}", size)
                passed = size
            if block == 0 and (stage > 0 or inputs != features):
                convolution(f"{name}.downsample.0", inputs, features, 1)
                norm(f"{name}.downsample.1", features)
            inputs = features
    state["fc.weight"] = torch.randn(outputs, inputs, generator=draws) * inputs**-0.5
    state["fc.bias"] = torch.rand(outputs, generator=draws)
    return state


def fingerprint(state: dict[str, Tensor]) -> str:
    """16 hex digits of all names and shapes."""
    lines = [f"{name} {tuple(value.shape)}" for name, value in sorted(state.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def forward(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """The network of these weights in evaluation mode; the stride is at the 3 x 3 convolution, the first of two."""

    def convolution(name: str, maps: Tensor, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        return functional.conv2d(maps, weight, stride=stride, padding=weight.shape[2] // 2)

    def norm(name: str, maps: Tensor) -> Tensor:
        values = (state[f"{name}.{end}"] for end in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(maps, *values, training=False, eps=1e-5)

    large = state["conv1.weight"].shape[2] == 7
    maps = functional.relu(norm("bn1", convolution("conv1", images, 2 if large else 1)))
    if large:
        maps = functional.max_pool2d(maps, 3, 2, 1)
    for stage in range(1, 5):
        block = 0
        while f"layer{stage}.{block}.conv1.weight" in state:
            name = f"layer{stage}.{block}"
            depth = 3 if f"{name}.conv3.weight" in state else 2
            stride = 2 if stage > 1 and block == 0 else 1
            out = maps
            for number in range(1, depth + 1):
                out = convolution(f"{name}.conv{number}", out, stride if number == depth - 1 else 1)
                out = norm(f"{name}.bn{number}", out)
                out = functional.relu(out) if number < depth else out
            if f"{name}.downsample.0.weight" in state:
                maps = norm(f"{name}.downsample.1", convolution(f"{name}.downsample.0", maps, stride))
            maps = functional.relu(out + maps)
            block += 1
    return functional.linear(maps.mean((2, 3)), state["fc.weight"], state["fc.bias"])
