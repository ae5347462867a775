"""Which residual network weights belong to, told from the shapes alone."""

import re
from dataclasses import dataclass

from torch import Tensor

from trainwell.data.dataset import listed
from trainwell.errors import BadWeights
from trainwell.family import Part
from trainwell.models import models

_BUILT: dict[tuple[bool, tuple[int, ...]], str] = {
    (False, (2, 2, 2, 2)): "resnet18",
    (False, (3, 4, 6, 3)): "resnet34",
    (True, (3, 4, 6, 3)): "resnet50",
}
_NAMED: dict[tuple[bool, tuple[int, ...]], str] = {
    (False, (1, 1, 1, 1)): "ResNet-10",
    (True, (1, 1, 1, 1)): "ResNet-14",
    (True, (2, 2, 2, 2)): "ResNet-26",
    (True, (3, 4, 23, 3)): "ResNet-101",
    (True, (3, 8, 36, 3)): "ResNet-152",
}
_STEMS = {3: 32, 7: 224}  # side of the kernel: of images such a network is usually trained on
_HEADS = ("fc", "head", "classifier", "last_linear", "linear")


@dataclass(frozen=True)
class Layout:
    """What the shapes say.

    Args:
        model: Part that builds it.
        channels: Of the input.
        side: Of images such a stem is usually trained on.
        num_outputs: Of the head; None where there is none that fits.
        tensors: By our names, in fp32; the head among them where there is one.
        notes: What was found, one line each.
    """

    model: Part
    channels: int
    side: int
    num_outputs: int | None
    tensors: dict[str, Tensor]
    notes: tuple[str, ...]


def layout_of(tensors: dict[str, Tensor], source: str) -> Layout:
    """Tell the network by its weights; names are those of torchvision and timm, with or without a common prefix.

    Args:
        tensors: Weights by name.
        source: Where they are from, for messages.

    Raises:
        BadWeights: They are not those of a ResNet that can be built, or hold no usable numbers.
    """
    own, notes = _without_prefix(tensors, source)
    own, head_notes = _head(own)
    own, number_notes = _in_fp32(own, source)
    model = _model(own, source)
    kernel = int(own["conv1.weight"].shape[2])
    num_outputs = int(own["fc.weight"].shape[0]) if "fc.weight" in own else None
    return Layout(
        model=model,
        channels=int(own["conv1.weight"].shape[1]),
        side=_STEMS[kernel],
        num_outputs=num_outputs,
        tensors=own,
        notes=(*notes, *head_notes, *number_notes),
    )


def _without_prefix(tensors: dict[str, Tensor], source: str) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of the network with a wrapper's prefix taken off, and what was left out beside them."""
    found = [
        name.removesuffix("layer1.0.conv1.weight")
        for name in tensors
        if name == "layer1.0.conv1.weight" or name.endswith(".layer1.0.conv1.weight")
    ]
    if not found:
        raise BadWeights(
            f"{source} has no residual network in the naming of torchvision and timm: there is no "
            f"layer1.0.conv1.weight among its {len(tensors):,} tensors ({listed(list(tensors))})."
        )
    averaged = [prefix for prefix in found if re.search(r"(^|_|\.)ema[_.]", prefix)]
    chosen = averaged if len(averaged) == 1 else found
    if len(chosen) > 1:
        raise BadWeights(f"{source} holds {len(found)} networks: {listed(found)}. Save the one that is meant alone.")
    prefix = chosen[0]
    own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    rest = [name for name in tensors if not name.startswith(prefix)]
    notes = [f"the prefix {prefix!r} of the names was taken off"] if prefix else []
    if rest:
        notes.append(f"left out, outside the network {prefix!r}: {len(rest)} tensors ({listed(rest, 3)})")
    return own, notes


def _head(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The weights with the head as `fc`, or without one; it is replaced in any case."""
    weight = tensors.get("fc.weight")
    single = weight is not None and weight.ndim == 2
    heads = [name for name in tensors if name.partition(".")[0] in _HEADS]
    kept = [name for name in heads if single and name in ("fc.weight", "fc.bias")]
    left = [name for name in heads if name not in kept]
    own = {name: value for name, value in tensors.items() if name not in left}
    notes = []
    if left:
        notes.append(f"left out, a head of another kind: {listed(left, 3)}")
    if not single:
        notes.append("no head that could be read: the features alone")
    elif weight is not None:
        if "fc.bias" not in own:
            own["fc.bias"] = weight.new_zeros(len(weight))
            notes.append("its head has no bias: 0 is taken")
        if len(weight) == 1000:
            notes.append("its head has 1,000 outputs: ImageNet's classes, by their number")
    return own, notes


def _in_fp32(tensors: dict[str, Tensor], source: str) -> tuple[dict[str, Tensor], list[str]]:
    """The weights in fp32; counters stay what they are."""
    others, converted = {}, {}
    for name, value in tensors.items():
        if name.endswith("num_batches_tracked"):
            converted[name] = value
            continue
        if not value.is_floating_point() or value.element_size() < 2:
            raise BadWeights(
                f"{source} holds {name} as {str(value.dtype).removeprefix('torch.')}: quantised weights cannot be "
                "trained. Expected fp32, fp16 or bf16."
            )
        converted[name] = value.float()
        if not bool(converted[name].isfinite().all()):
            raise BadWeights(f"{source} holds values in {name} that are not finite: the training had come apart.")
        if value.dtype != converted[name].dtype:
            others[str(value.dtype).removeprefix("torch.")] = True
    return converted, [f"weights in {listed(list(others))} are brought to float32"] if others else []


def _model(tensors: dict[str, Tensor], source: str) -> Part:
    """The part that builds the network of these weights."""
    refusal = _other_network(tensors)
    if refusal is not None:
        raise BadWeights(f"{source} is not a plain ResNet: {refusal}. Built here: {', '.join(_BUILT.values())}.")
    stem = tensors["conv1.weight"].shape
    blocks: dict[int, set[int]] = {}
    for name in tensors:
        place = re.match(r"layer(\d+)\.(\d+)\.", name)
        if place:
            blocks.setdefault(int(place[1]), set()).add(int(place[2]))
    counts = tuple(len(blocks[stage]) for stage in sorted(blocks))
    bottleneck = "layer1.0.conv3.weight" in tensors
    built = _BUILT.get((bottleneck, counts))
    if built is None:
        kind = "bottlenecks" if bottleneck else "blocks of two convolutions"
        known = _NAMED.get((bottleneck, counts))
        called = f", a {known}" if known else ""
        raise BadWeights(
            f"{source} is a network of {counts} {kind}{called}, which cannot be built here. "
            f"Known: {', '.join(_BUILT.values())}."
        )
    return models.part(built, width=int(stem[0]))


def _other_network(tensors: dict[str, Tensor]) -> str | None:
    """In which way the network is another one than a plain ResNet; None where the shapes show nothing of the kind."""
    if "conv1.0.weight" in tensors:
        return "its stem is several convolutions (conv1.0 and on), as in timm's resnet18d to resnet200d"
    stem = tensors.get("conv1.weight")
    first, second = tensors["layer1.0.conv1.weight"], tensors.get("layer1.0.conv2.weight")
    if stem is None or stem.ndim != 4 or second is None or second.ndim != 4 or first.ndim != 4:
        return "conv1, layer1.0.conv1 or layer1.0.conv2 is missing or no convolution"
    if int(stem.shape[2]) not in _STEMS or stem.shape[2] != stem.shape[3]:
        return f"its stem has a kernel of {int(stem.shape[2])} x {int(stem.shape[3])}, expected 7 x 7 or 3 x 3"
    if stem.shape[1] not in (1, 3):
        return f"it takes inputs of {int(stem.shape[1])} channels, and images here have 1 or 3"
    if any(name.endswith("downsample.1.weight") and value.ndim == 4 for name, value in tensors.items()):
        return "its projections pool by averages first (downsample.1 is a convolution), as in timm's resnet50d"
    if "bn1.running_mean" not in tensors:
        return "it has no running means and variances, so its norm is not batch norm"
    if second.shape[1] < first.shape[0]:
        return f"its 3 x 3 convolutions are in groups of {int(second.shape[1])} channels: a ResNeXt"
    if first.shape[0] != stem.shape[0]:
        return (
            f"its first blocks are {int(first.shape[0])} channels wide behind a stem of {int(stem.shape[0])}: "
            "a wide ResNet"
        )
    return None
