"""A folder that `trainwell export --format safetensors` wrote, as a source."""

import json
from pathlib import Path
from typing import Any

from trainwell.errors import BadWeights
from trainwell.method.export.config import CONFIG, MARK
from trainwell.method.export.safetensors_file import FILE, PREPROCESSING, opened
from trainwell.method.finetune.sources.source import Source, head_and_shortcuts
from trainwell.method.finetune.sources.weights import read_weights
from trainwell.models import models
from trainwell.models.given import GIVEN
from trainwell.preprocessing import from_json


def is_exported(folder: Path) -> bool:
    """Whether the folder holds weights that were exported by us."""
    try:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and MARK in content and (folder / FILE).exists()


def from_export(folder: Path, text: str) -> Source:
    """Open an exported folder: as its run, but for the rate, which is not exported.

    Args:
        folder: The folder; `is_exported`.
        text: What the user gave.

    Raises:
        BadWeights: A file of it is missing or damaged, or the network was given as an object.
        BadValue: The network has no head that can be replaced.
    """
    told: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    try:
        part = models.part(told["model"])
        if part.name == GIVEN:
            raise BadWeights(
                f"{text} holds a network that was given as an object ({part.args['network']}), which cannot be built "
                "from its name."
            )
        shape, num_outputs, classes = tuple(told["input_shape"]), told["num_outputs"], tuple(told["classes"])
        network = opened(folder / FILE, told, None)
        large = folder / PREPROCESSING
        tensors = read_weights(large).tensors if large.exists() else {}
        fitted = from_json(told["preprocessing"], {name: value.numpy() for name, value in tensors.items()})
        decoding = told["decoding"]
    except KeyError as error:
        raise BadWeights(f"{folder / CONFIG} lacks {error}: it was changed. Export the run anew.") from error
    head, shortcuts = head_and_shortcuts(part, shape, num_outputs, network)
    return Source(
        text=text,
        model=part,
        network=network,
        head=head,
        input_shape=shape,
        classes=classes,
        preprocessing=fitted,
        decoding=decoding,
        lr=None,
        optimizer=None,
        notes=(f"source: {text}, exported by trainwell, {part.name} of {num_outputs} outputs on inputs {shape}",),
        shortcuts=shortcuts,
    )
