"""safetensors: the weights by name, for whoever has the code of the network."""

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import nn

from trainwell.method.run import Run
from trainwell.models import build, models
from trainwell.preprocessing import Affine

FILE, PREPROCESSING = "model.safetensors", "preprocessing.safetensors"
_RESNETS = ("resnet18", "resnet34", "resnet50")
_LAYOUT = ("width", "activation", "norm", "norm_place", "dropout", "last_pooling")  # what names and shapes go by


def safetensors_files(run: Run) -> dict[str, bytes]:
    """The files by name: the weights, and what of the preprocessing is too large for `config.json`."""
    files = {FILE: save(run.weights(), metadata={"format": "pt"})}
    if has_arrays(run.description()):
        arrays = run.preprocessing().arrays()
        files[PREPROCESSING] = save({name: torch.from_numpy(values) for name, values in arrays.items()})
    return files


def has_arrays(description: dict[str, Any]) -> bool:
    """Whether the preprocessing keeps more than its JSON."""
    return description["kind"] != "own" and description["preprocessing"]["kind"] != Affine.kind


def opened(path: Path, description: dict[str, Any], given: nn.Module | None) -> nn.Module:
    """The network built anew, with the weights of the file in it.

    Args:
        path: The file.
        description: Of the run.
        given: The network object, where the run was made with one's own; it is copied.
    """
    if given is None:
        network = build(description["model"], tuple(description["input_shape"]), description["num_outputs"], 1)
    else:
        network = copy.deepcopy(given).cpu()
    network.load_state_dict(load_file(path))
    return network.eval()


def resnet_layout(part: dict[str, Any]) -> str | None:
    """The usual ResNet whose weights are called and shaped like these, but for a small stem; None for none."""
    if part["name"] not in _RESNETS:
        return None
    own, theirs = models.resolve(part).args, models.resolve(part["name"]).args
    return part["name"] if all(own[name] == theirs[name] for name in _LAYOUT) else None
