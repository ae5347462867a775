"""Features in the cache: found again by all that they depend on; those that were used longest ago go."""

import contextlib
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import torch

from trainwell.data.cache import cache_root
from trainwell.errors import BadRun
from trainwell.record import RunFolder
from trainwell.training.engine import Engine
from trainwell.training.features import Features
from trainwell.training.freeze import fingerprint
from trainwell.training.setup import Setup

FORMAT = 1
MOST_BYTES = 4 * 1024**3  # features of a million photos with 1,000 numbers each


class KeptFeatures:
    """The file in which the features of a setup are kept.

    Args:
        cache: Folder of the cache; None is the user's.
        setup: What is trained.
        engine: How to compute.
        head: Name of the head, which no feature depends on.
    """

    def __init__(self, cache: Path | None, setup: Setup, engine: Engine, head: str) -> None:
        self._folder = RunFolder(cache_root(cache) / "features")
        self._name = f"{_key(setup, engine, head)}.safetensors"

    def read(self) -> tuple[dict[str, torch.Tensor], float] | None:
        """The tensors and the scale; None where there are none that can be read."""
        if not self._folder.has(self._name):
            return None
        try:
            tensors, state = self._folder.read_tensors(self._name)
        except BadRun:
            return None  # damaged: computed again
        with contextlib.suppress(OSError):
            os.utime(self._folder.path / self._name)  # used now
        return tensors, float(state["scale"])

    def write(self, features: Features) -> None:
        """Keep features, and let go of those that were used longest ago where all take more than `MOST_BYTES`."""
        tensors = {"train": features.train} | ({} if features.valid is None else {"valid": features.valid})
        self._folder.write_tensors(self._name, tensors, {"scale": features.scale})
        total = 0
        for path, size in _latest_first(self._folder.path):
            total += size
            if total > MOST_BYTES and path.name != self._name:
                path.unlink(missing_ok=True)


def _latest_first(folder: Path) -> list[tuple[Path, int]]:
    """The files of features with their sizes in bytes."""
    found = []
    for path in folder.glob("*.safetensors"):
        with contextlib.suppress(FileNotFoundError):  # let go of by another process
            status = path.stat()
            found.append((status.st_mtime_ns, path, status.st_size))
    return [(path, size) for _, path, size in sorted(found, reverse=True)]


def _key(setup: Setup, engine: Engine, head: str) -> str:
    """What the features depend on."""
    data, recipe, model = setup.data, setup.recipe, setup.model
    body = {key: value for key, value in model.state_dict().items() if not key.startswith(f"{head}.")}
    varied = [recipe.feature_copies, [part.json() for part in recipe.augment], recipe.seed]
    words = [
        FORMAT,
        data.fingerprint,
        data.decoding,
        setup.fitted.json(),
        engine.text(),
        type(model).__name__,
        fingerprint(body),
        varied if recipe.feature_copies else None,
    ]
    digest = hashlib.sha256(json.dumps(words, default=str).encode())
    for part in ("train", "valid"):
        digest.update(np.ascontiguousarray(data.splits.get(part, np.zeros(0)), dtype=np.int64).tobytes())
    for _, values in sorted(setup.fitted.arrays().items()):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:32]
