"""The `config.json` that timm puts beside weights: inputs, classes, architecture."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainwell.errors import BadWeights

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_PLAIN: dict[str, Any] = {"num_classes": None, "in_chans": None, "global_pool": "avg"}  # what our network has, or tells


@dataclass(frozen=True)
class Card:
    """What is known of weights beside the weights.

    Args:
        architecture: As timm calls it; None where it is not said.
        shape: (C, H, W) of the inputs; None where it is not said.
        mean: Of each channel of the inputs, in 0..1.
        deviation: The same of the standard deviation.
        classes: Names; empty where they are not said.
        note: Where the statistics are from.
    """

    architecture: str | None
    shape: tuple[int, int, int] | None
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    classes: tuple[str, ...]
    note: str


def imagenet(channels: int, why: str) -> Card:
    """ImageNet's statistics, or for grey images the mean of their three."""
    mean, deviation = _IMAGENET
    if channels == 1:
        mean, deviation = ((sum(values) / 3,) for values in _IMAGENET)  # type: ignore[assignment]
    grey = ", averaged over the colours" if channels == 1 else ""
    return Card(None, None, mean, deviation, (), f"inputs: mean and deviation of ImageNet{grey}, since {why}")


def read_card(path: Path, channels: int) -> Card:
    """Read `config.json`; what it does not say is ImageNet's.

    Args:
        path: The file.
        channels: Of the network's input.

    Raises:
        BadWeights: It cannot be read, is not timm's, or does not fit the network.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadWeights(f"{path} beside the weights cannot be read ({error}). Mend it or move it away.") from error
    stated = content.get("pretrained_cfg", content) if isinstance(content, Mapping) else None
    if not isinstance(stated, Mapping) or not isinstance(content.get("architecture"), str):
        raise BadWeights(
            f"{path} beside the weights is not timm's: it names no architecture. Move the weights to a folder of "
            "their own to take them without it."
        )
    args = content.get("model_args") or {}
    changed = [f"{name}={value}" for name, value in args.items() if _PLAIN.get(name, ...) not in (None, value)]
    if changed:
        raise BadWeights(f"{path}: the network was built with {', '.join(changed)}, which is not in its weights.")
    assumed = imagenet(channels, f"{path.name} does not say them")
    mean, deviation = (_numbers(path, stated, name, channels) for name in ("mean", "std"))
    note = f"inputs: mean and deviation of {path.name}"
    if mean is None or deviation is None:
        mean, deviation, note = assumed.mean, assumed.deviation, assumed.note
    size = stated.get("input_size")
    shape = tuple(size) if isinstance(size, list) and len(size) == 3 else None
    names = content.get("label_names") or stated.get("label_names") or ()
    return Card(content["architecture"], shape, mean, deviation, tuple(map(str, names)), note)


def _numbers(path: Path, stated: Mapping[str, Any], name: str, channels: int) -> tuple[float, ...] | None:
    values = stated.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != channels or not all(isinstance(v, int | float) for v in values):
        raise BadWeights(f"{path}: {name}={values!r}, expected {channels} numbers, one for each channel of the input.")
    if name == "std" and min(values) <= 0:
        raise BadWeights(f"{path}: std={values!r}, expected numbers above 0.")
    return tuple(float(value) for value in values)
