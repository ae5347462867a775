"""Setups of small problems, and what the loop makes of each of them alone."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from trainwell.data.dataset import Data
from trainwell.recipe import Recipe
from trainwell.training.engine import Engine
from trainwell.training.loop import Trainer
from trainwell.training.setup import Setup, set_up

CPU = torch.device("cpu")
PLAIN: dict[str, Any] = {
    "model": {"name": "mlp", "widths": (16, 16)},
    "loss": "cross_entropy",
    "optimizer": "sgd",
    "schedule": "cosine",
    "epochs": 3.0,
    "batch_size": 20,
    "preprocess": "standardize",
}


@dataclass
class Alone:
    """What the loop gives for one setup."""

    setup: Setup
    trainer: Trainer
    weights: dict[str, Tensor] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def line(self, kind: str, values: dict[str, Any]) -> None:
        if kind == "epoch":
            self.lines.append(values)

    def save(self, trainer: Trainer) -> None:
        pass

    def best(self, trainer: Trainer) -> None:
        self.weights = {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}

    def step(self, *_: object) -> None:
        pass

    def scored(self, line: dict[str, Any]) -> None:
        pass


def engine(layout: str = "contiguous") -> Engine:
    return Engine(CPU, "fp32", layout, False, 1)


@pytest.fixture(scope="session")
def table() -> Data:
    """A hundred digits as a table of 64 columns, and two hundred to be scored on."""
    x, y = load_digits(return_X_y=True)
    return data(x[:300].astype(np.float32), y[:300], "table")


@pytest.fixture(scope="session")
def images() -> Data:
    """The same as images of 8 x 8, with noise: between equal pixels a max pooling would choose by the last bit."""
    x, y = load_digits(return_X_y=True)
    pixels = x[:300] * 12 + np.random.default_rng(0).integers(0, 60, (300, 64))
    return data(pixels.astype(np.uint8).reshape(-1, 8, 8, 1), y[:300], "images")


@pytest.fixture(scope="session")
def line() -> Data:
    """Two values to predict from five columns."""
    draws = np.random.default_rng(0)
    x = draws.standard_normal((300, 5)).astype(np.float32)
    return data(x, (x @ draws.standard_normal((5, 2))).astype(np.float32), "table")


def data(x: np.ndarray, y: np.ndarray, kind: str) -> Data:
    classes = tuple("0123456789") if y.ndim == 1 else ()
    return Data(
        x=x,
        y=y,
        kind=kind,
        task="classification" if classes else "regression",
        classes=classes,
        splits={"train": np.arange(100), "valid": np.arange(100, 300)},
        fingerprint="",
        source="",
        quarantined=(),
        decoding={},
        facts={},
        notes=(),
    )


@pytest.fixture
def setups() -> Callable[..., list[Setup]]:
    """Setups on the data: a recipe, and the fields in which each differs from it."""

    def make(given: Data, common: dict[str, Any], each: Sequence[dict[str, Any]]) -> list[Setup]:
        return [set_up(given, Recipe(**(PLAIN | common | one)), CPU) for one in each]

    return make


@pytest.fixture
def alone() -> Callable[..., Alone]:
    """The loop, run over a setup."""

    def run(setup: Setup, layout: str = "contiguous") -> Alone:
        how = engine(layout)
        model = how.place(copy.deepcopy(setup.model))
        optimizer = setup.optimizer(model, setup.rate)
        plan = replace(setup.plan([setup.recipe.epochs]), measurements={})
        trainer = Trainer(model, optimizer, setup.rate, setup.feeds["train"], setup.feeds.get("valid"), how, plan)
        result = Alone(setup, trainer)
        trainer.run(result, result)
        return result

    return run
