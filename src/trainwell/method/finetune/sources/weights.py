"""Files of weights: read as tensors by name, and never run."""

import argparse
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from trainwell.data.dataset import listed
from trainwell.errors import BadWeights

PICKLED = (".pth", ".pt", ".bin", ".tar", ".ckpt")
SUFFIXES = (".safetensors", *PICKLED)
_AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")
_PLACES = (*_AVERAGED, "state_dict", "model_state_dict", "model", "net", "network", "weights")
_ALONE = "Save the weights alone: torch.save(model.state_dict(), ...), or as .safetensors."


@dataclass(frozen=True)
class Weights:
    """Tensors of a file.

    Args:
        tensors: By name, on the CPU.
        notes: Where in the file they were, one line each.
    """

    tensors: dict[str, Tensor]
    notes: tuple[str, ...]


def read_weights(path: Path) -> Weights:
    """Read a file of weights; what is around them in a checkpoint is left out, and said.

    Args:
        path: A `.safetensors` file, or one that `torch.save` wrote.

    Raises:
        BadWeights: The file cannot be read, would run code, or holds no tensors.
    """
    if path.suffix.lower() == ".safetensors":
        return Weights(_safetensors(path), ())
    content = _unpickled(path)
    if not isinstance(content, Mapping):
        raise BadWeights(f"{path} holds one {type(content).__name__}, expected weights by name: a state dict.")
    notes = []
    place = next((key for key in _PLACES if isinstance(content.get(key), Mapping) and _tensors(content[key])), None)
    if place is not None and not _tensors(content):
        kind = "averaged weights" if place in _AVERAGED else "weights"
        rest = [str(key) for key in content if key != place]
        left = f"; left out: {listed(rest)}" if rest else ""
        notes.append(f"a whole checkpoint: its {kind} are taken, {place!r}{left}")
        content = content[place]
    tensors = _tensors(content)
    if not tensors:
        raise BadWeights(
            f"{path} holds no weights: {listed([str(key) for key in content]) or 'nothing'}. Expected a state dict, or "
            f"a checkpoint with one as {', '.join(_PLACES)}."
        )
    return Weights(tensors, tuple(notes))


def _tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            if "state" in (file.metadata() or {}):
                raise BadWeights(
                    f"{path} was written by a run of trainwell; what its inputs went through stands in the run "
                    "folder, not in this file. Give the run folder."
                )
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadWeights(f"{path} cannot be read as safetensors ({error}). Fetch or save it anew.") from error


def _unpickled(path: Path) -> Any:
    """What `torch.save` wrote; only tensors and plain values are made, nothing that the file names is called."""
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            # The namespace holds the options in checkpoints of timm and torchvision. What torch warns of is said below.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named is None:
            raise BadWeights(
                f"{path} is damaged, or holds more than weights ({_first(error)}): it was not opened, and nothing in "
                f"it was run. {_ALONE}"
            ) from error
        raise BadWeights(
            f"{path} holds more than weights and would run code when it is opened (it calls {named[1]}): it was not "
            f"opened. {_ALONE}"
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        if "TorchScript" in str(error):
            raise BadWeights(
                f"{path} is a TorchScript program and would run code when it is opened: it was not opened. {_ALONE}"
            ) from error
        raise BadWeights(
            f"{path} cannot be read ({_first(error)}). Expected a file of torch.save; fetch or save it anew."
        ) from error


def _first(error: Exception) -> str:
    """The first line of an error, for torch adds many."""
    return str(error).partition("\n")[0] or type(error).__name__
