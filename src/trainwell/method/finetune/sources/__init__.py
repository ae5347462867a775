"""Where the weights of a transfer come from: a run or an export of ours, a file, timm, the hub."""

from collections.abc import Callable
from pathlib import Path

import torch

from trainwell.errors import BadWeights, nearest
from trainwell.method.export.safetensors_file import FILE
from trainwell.method.finetune.sources.exported import from_export, is_exported
from trainwell.method.finetune.sources.file import from_file
from trainwell.method.finetune.sources.hub import open_hub
from trainwell.method.finetune.sources.ours import from_run
from trainwell.method.finetune.sources.source import Source
from trainwell.method.finetune.sources.timm import open_timm
from trainwell.method.finetune.sources.weights import SUFFIXES
from trainwell.record import BEST_WEIGHTS, RECIPE

__all__ = ["Source", "open_source"]

_FAR: dict[str, Callable[[str, str], Source]] = {"timm": open_timm, "hub": open_hub}
_IN_A_FOLDER = (FILE, "pytorch_model.bin")
_EXPECTED = f"a run folder, an exported folder, a file of weights ({', '.join(SUFFIXES)}), timm:NAME or hub:OWNER/NAME"


def open_source(text: str | Path, *, device: torch.device | str = "cpu") -> Source:
    """Open what a transfer starts from.

    Args:
        text: A run folder; a folder that `trainwell export --format safetensors` wrote; a file of weights in the
            layout of torchvision's and timm's ResNets, or a folder that holds `model.safetensors` and `config.json`;
            `timm:NAME`; `hub:OWNER/NAME`.
        device: Where the network is put.

    Returns:
        The network with its weights, and what is known of it.

    Raises:
        BadRun: The folder holds no run with weights.
        BadWeights: The weights cannot be read, would run code, or belong to a network that cannot be built.
        BadValue: The network has no head that can be replaced.
        MissingExtra: timm or huggingface_hub is needed and not installed.
        Failed: The weights could not be fetched.
    """
    source = _open(str(text))
    source.network.to(device)
    return source


def _open(text: str) -> Source:
    if not text:
        raise BadWeights(f"No source is named. Expected {_EXPECTED}.")
    kind, colon, name = text.partition(":")
    path = Path(text).expanduser()
    if colon and not path.exists():
        if kind not in _FAR:
            near = nearest(kind, _FAR)
            raise BadWeights(
                f"There is no source {text!r}.{f' Did you mean {near}:{name}?' if near else ''} Expected {_EXPECTED}."
            )
        return _FAR[kind](name, text)
    if is_exported(path) or (path.name == FILE and is_exported(path.parent)):
        return from_export(path if path.is_dir() else path.parent, text)
    if path.is_dir():
        weights = next((path / file for file in _IN_A_FOLDER if (path / file).exists()), None)
        if weights is not None and not (path / RECIPE).exists():
            return from_file(weights, text)
        return from_run(path)
    if not path.exists():
        raise BadWeights(f"There is no file or folder {text}. Expected {_EXPECTED}.")
    run = path.resolve().parent.parent
    if path.resolve() == run / BEST_WEIGHTS and (run / RECIPE).exists():
        return from_run(run)
    if path.suffix.lower() not in SUFFIXES:
        raise BadWeights(f"{text} is no file of weights. Expected {_EXPECTED}.")
    return from_file(path, text)
