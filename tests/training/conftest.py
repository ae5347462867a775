"""A workbench for the loop: digits as a table or as images, and a trainer made of the parts that are asked for."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from trainwell.augmentations import augmentations
from trainwell.averages import averages
from trainwell.data.augment import Augmenter
from trainwell.data.batches import ArraySource, Feed
from trainwell.losses import losses
from trainwell.models import build, prepare
from trainwell.optimizers import optimizers, parameter_groups
from trainwell.preprocessing import preprocessing
from trainwell.schedules import multipliers
from trainwell.training.checkpoint import state_of
from trainwell.training.engine import Engine
from trainwell.training.loop import Plan, Trainer, scored_steps

TRAIN, VALID = np.arange(100), np.arange(100, 300)
CPU = torch.device("cpu")


class Kept:
    """A keeper that holds all it is given in memory."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.saved: tuple[dict[str, Tensor], dict[str, Any]] = ({}, {})
        self.kept: list[tuple[int, dict[str, Tensor]]] = []

    def line(self, kind: str, values: dict[str, Any]) -> None:
        self.lines.append({"kind": kind} | {name: value for name, value in values.items() if name != "seconds"})

    def save(self, trainer: Trainer) -> None:
        tensors, state = state_of(trainer)
        self.saved = ({name: value.detach().clone() for name, value in tensors.items()}, state)

    def best(self, trainer: Trainer) -> None:
        weights = {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}
        self.kept.append((trainer.step, weights))

    def epochs(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == "epoch"]


class Quiet:
    """A progress that only remembers the steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int, float]] = []

    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None:
        self.steps.append((step, steps, samples, loss()))

    def scored(self, line: dict[str, Any]) -> None:
        pass


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def quiet() -> Quiet:
    return Quiet()


@pytest.fixture
def feeds() -> Callable[..., tuple[Feed, Feed]]:
    """Training and validation feed of some digits."""

    def make(
        images: bool = False, seed: int = 0, augment: Sequence[Any] = (), batch_size: int = 32
    ) -> tuple[Feed, Feed]:
        bunch = load_digits()
        x = np.rint(bunch.images * 255 / 16).astype(np.uint8)[..., None] if images else bunch.data.astype(np.float32)
        engine = Augmenter([augmentations.part(p) for p in augment], (8, 8) if images else None) if augment else None
        given: dict[str, Any] = {"images": images, "num_classes": 10, "device": CPU, "batch_size": batch_size}
        given |= {"prepare": preprocessing.build("standardize", x, TRAIN), "seed": seed}
        train = Feed(ArraySource(x), bunch.target, TRAIN, augmenter=engine, **given)
        return train, Feed(ArraySource(x), bunch.target, VALID, **given)

    return make


@pytest.fixture
def make(feeds: Callable[..., tuple[Feed, Feed]]) -> Callable[..., Trainer]:
    """A trainer: `make(model="mlp", optimizer={"name": "sgd", "lr": 0.1}, epochs=4, ...)`; `plan` goes to the plan."""

    def assemble(
        model: Any = "mlp",
        optimizer: Any = "sgd",
        *,
        epochs: float = 4,
        seed: int = 0,
        init: int | None = None,
        average: Any = None,
        precision: str = "fp32",
        layout: str = "contiguous",
        augment: Sequence[Any] = (),
        valid: bool = True,
        norm_bias_rate: float = 1.0,
        **plan: Any,
    ) -> Trainer:
        images = layout == "channels_last"
        train, held = feeds(images, seed, augment)
        if not isinstance(model, nn.Module):
            model = build(model, (1, 8, 8) if images else (64,), 10, seed if init is None else init)
            prepare(model, next(train.passes(100))[0])
        engine = Engine(CPU, precision, layout, False, 1)
        engine.place(model)
        steps = train.stream.steps(epochs)
        given: dict[str, Any] = {
            "loss": losses.bind("cross_entropy"),
            "plain_loss": losses.bind("cross_entropy"),
            "multipliers": multipliers("cosine", steps, 0.2),
            "epoch_steps": scored_steps(steps, epochs),
            "average": None if average is None else averages.build(average),
            "seed": seed,
        }
        part = optimizers.resolve(optimizer)
        stepper = optimizers.build(part, parameter_groups(model, norm_bias_rate=norm_bias_rate))
        return Trainer(model, stepper, part.args["lr"], train, held if valid else None, engine, Plan(**(given | plan)))

    return assemble
