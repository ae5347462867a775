"""The problems: eight to be scored on, and others from which the constants of the test were taken."""

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.datasets import make_classification

from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.recipe import Recipe
from trainwell.training.setup import Setup, set_up

VALID = 2_000
TEST = 10_000
SGD = (0.003, 3.0)  # the rates that a sweep tries
SGD_CONVNET = (0.03, 30.0)  # its head is scaled down by 9
ADAMW = (1e-4, 0.1)
_WARMUP = 0.1


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A data set, a network and an optimizer; all but the rate is fixed.

    Args:
        name: Short, unique.
        data: `mnist` or `cifar`, whose first training rows are taken, or the arguments of a synthetic table.
        rows: Training rows.
        edits: What the recipe is, beside `BASE`.
        rates: Lowest and highest rate of the sweep.
        half: Halve the height and the width of the images, so that a training takes about a second.
        development: Whether the constants of the test were chosen on it, so that it proves nothing.
    """

    name: str
    data: Literal["mnist", "cifar", "table", "cover"]
    rows: int
    edits: tuple[str, ...]
    rates: tuple[float, float]
    half: bool = False
    development: bool = False

    def setup(self, folder: Path, seed: int, *edits: str) -> Setup:
        """The problem bound to its data, with weights, order and draws of this seed."""
        recipe = self.recipe.edit((f"seed={seed}", *edits))
        return set_up(_data(self.data, self.rows, self.half, folder), recipe, torch.device("cpu"))

    @property
    def recipe(self) -> Recipe:
        """What is trained, at the optimizer's own rate."""
        return Recipe(**BASE).edit(self.edits)


BASE: dict[str, Any] = {
    "model": "mlp",
    "loss": "cross_entropy",
    "optimizer": "sgd",
    "schedule": "cosine",
    "warmup": _WARMUP,
    "epochs": 4.0,
    "batch_size": 64,
    "preprocess": "standardize",
    "keep": "last",
    "threads": 1,
}

_BATCH_NORM = "model.norm=batch"
_MOMENTUM = ("optimizer=sgd", "optimizer.momentum=0.9")
_ADAMW = ("optimizer=adamw", "optimizer.weight_decay=0.05")

PROBLEMS = (
    Problem(name="mnist mlp sgd", data="mnist", rows=10_000, edits=("model.widths=128", *_MOMENTUM), rates=SGD),
    Problem(
        name="mnist mlp+bn adamw",
        data="mnist",
        rows=10_000,
        edits=("model.widths=64,64", _BATCH_NORM, *_ADAMW),
        rates=ADAMW,
    ),
    Problem(
        name="mnist conv+bn sgd",
        data="mnist",
        half=True,
        rows=5_000,
        edits=("model=convnet", "model.width=6", "model.convolutions=1", "model.blocks=2", *_MOMENTUM),
        rates=SGD_CONVNET,
    ),
    Problem(
        name="mnist conv+bn adamw",
        data="mnist",
        half=True,
        rows=6_000,
        edits=("model=lenet", "model.activation=relu", _BATCH_NORM, *_ADAMW),
        rates=ADAMW,
    ),
    Problem(
        name="cifar conv+bn sgd",
        data="cifar",
        half=True,
        rows=8_000,
        edits=("model=lenet", "model.widths=12,24", "model.activation=relu", _BATCH_NORM, *_MOMENTUM),
        rates=SGD,
    ),
    Problem(
        name="cifar conv+bn adamw",
        data="cifar",
        half=True,
        rows=8_000,
        edits=("model=convnet", "model.width=6", "model.convolutions=1", "epochs=3", "batch_size=100", *_ADAMW),
        rates=ADAMW,
    ),
    Problem(
        name="table mlp sgd",
        data="table",
        rows=8_000,
        edits=("model.widths=64,64", "batch_size=32", "epochs=5", *_MOMENTUM),
        rates=SGD,
    ),
    Problem(
        name="cover mlp adamw",
        data="cover",
        rows=20_000,
        edits=("model.widths=128,64", "batch_size=128", "epochs=8", *_ADAMW),
        rates=ADAMW,
    ),
)

DEVELOPMENT = (
    Problem(
        name="dev mnist tanh sgd",
        data="mnist",
        rows=4_000,
        edits=("model.widths=32,32", "model.activation=tanh", "batch_size=32", "epochs=6", *_MOMENTUM),
        rates=SGD,
        development=True,
    ),
    Problem(
        name="dev mnist lenet+bn sgd",
        data="mnist",
        half=True,
        rows=4_000,
        edits=("model=lenet", _BATCH_NORM, "batch_size=100", *_MOMENTUM),
        rates=SGD,
        development=True,
    ),
    Problem(
        name="dev cifar mlp+bn adamw",
        data="cifar",
        rows=10_000,
        edits=("model.widths=100", _BATCH_NORM, "batch_size=100", "epochs=5", *_ADAMW),
        rates=ADAMW,
        development=True,
    ),
    Problem(
        name="dev cifar lenet+bn sgd",
        data="cifar",
        half=True,
        rows=6_000,
        edits=("model=lenet", "model.activation=elu", _BATCH_NORM, "batch_size=50", *_MOMENTUM),
        rates=SGD,
        development=True,
    ),
    Problem(
        name="dev cifar conv+bn adamw",
        data="cifar",
        half=True,
        rows=5_000,
        edits=("model=convnet", "model.width=4", "model.blocks=2", "epochs=3", *_ADAMW),
        rates=ADAMW,
        development=True,
    ),
    Problem(
        name="dev table mlp adamw",
        data="table",
        rows=4_000,
        edits=("model.widths=32,32,32", "epochs=10", *_ADAMW),
        rates=ADAMW,
        development=True,
    ),
    Problem(
        name="dev cover mlp+bn sgd",
        data="cover",
        rows=12_000,
        edits=("model.widths=48", _BATCH_NORM, "batch_size=48", "epochs=3", *_MOMENTUM),
        rates=SGD,
        development=True,
    ),
)


@functools.lru_cache(maxsize=4)
def _data(name: str, rows: int, half: bool, folder: Path) -> Data:
    """Training rows, validation rows and test rows, each from their own source."""
    if name in ("table", "cover"):
        return _synthetic(name, rows)
    path = folder / {"mnist": "mnist-png", "cifar": "cifar10-jpg"}[name]
    fit = open_data(path / "train", threads=1)
    test = open_data(path / "test", parts="all", like=fit.decoding, threads=1)
    picked = np.random.default_rng(0).permutation(fit.splits["train"])[:rows]
    parts = [(fit, picked), (fit, fit.splits["valid"][:VALID]), (test, test.splits["all"][:TEST])]
    x, y = (np.concatenate([getattr(data, what)[chosen] for data, chosen in parts]) for what in ("x", "y"))
    if half:
        x = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).mean((2, 4)).astype(np.uint8)
    return _parted(fit, x, y, rows)


def _synthetic(name: str, rows: int) -> Data:
    """Clusters on the corners of a cube; `cover` has 54 columns of which 44 are 0 or 1, and seven uneven classes."""
    facts: dict[str, Any] = {"n_features": 30, "n_informative": 15, "n_classes": 5, "n_clusters_per_class": 4}
    if name == "cover":
        facts = {"n_features": 54, "n_informative": 20, "n_classes": 7, "n_clusters_per_class": 6}
        facts["weights"] = [0.36, 0.45, 0.06, 0.03, 0.03, 0.04, 0.03]
    x, y = make_classification(rows + VALID + TEST, class_sep=1.5, flip_y=0.02, random_state=rows, **facts)
    if name == "cover":
        x[:, 10:] = x[:, 10:] > 0
    x = x.astype(np.float32)
    return _parted(open_data((x, y)), x, y, rows)


def _parted(data: Data, x: np.ndarray, y: np.ndarray, rows: int) -> Data:
    ends = np.cumsum([0, rows, VALID, len(x) - rows - VALID])
    splits = {
        name: np.arange(first, last)
        for name, first, last in zip(("train", "valid", "test"), ends[:-1], ends[1:], strict=True)
    }
    return dataclasses.replace(data, x=x, y=y, splits=splits)
