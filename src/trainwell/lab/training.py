"""Small trainings: the loop that every run uses, with what an experiment reads from it."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.errors import Diverged
from trainwell.models.given import GIVEN
from trainwell.recipe import Recipe
from trainwell.training.engine import Engine
from trainwell.training.evaluate import score
from trainwell.training.loop import Trainer
from trainwell.training.setup import Setup, set_up

CPU = Engine(torch.device("cpu"), "fp32", "contiguous", compile=False, threads=1)


@dataclass
class Course:
    """How a training went.

    Args:
        losses: Loss of every batch before its step.
        scores: The lines of the record at which it was scored: `step`, `train_loss`, `train_accuracy`, `valid_loss`...
        measures: The lines of what was measured on the way.
        diverged: Whether the loss was no longer finite, which ended it.
        model: The network as it was at the end.
    """

    model: nn.Module
    losses: list[float] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    measures: list[dict[str, Any]] = field(default_factory=list)
    diverged: bool = False

    def last(self, name: str) -> float | None:
        """A score at the end; None where the training diverged."""
        return None if self.diverged or not self.scores else float(self.scores[-1][name])

    def best(self, name: str) -> float | None:
        """The largest value of a score on the way; None where it was never scored."""
        return max((float(line[name]) for line in self.scores), default=None)


def plain_recipe(**fields: Any) -> Recipe:
    """A recipe with nothing in it but what is named: plain SGD at a constant rate, without warm-up or decay."""
    nothing: dict[str, Any] = {
        "model": {"name": GIVEN, "network": "a stack of the lab"},
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.0},
        "schedule": "constant",
        "warmup": 0.0,
        "epochs": 1.0,
        "batch_size": 64,
        "preprocess": "standardize",
        "keep": "last",
        "precision": "fp32",
        "threads": 1,
    }
    return Recipe(**(nothing | fields))


def course(
    data: Data, recipe: Recipe, model: nn.Module | None = None, watch: Callable[[Trainer], None] | None = None
) -> Course:
    """Train, and keep what was seen.

    Args:
        data: The data.
        recipe: The recipe.
        model: The network, changed in place; None builds that of the recipe.
        watch: Called after every step.
    """
    return course_of(set_up(data, recipe, CPU.device, model), watch)


def course_of(setup: Setup, watch: Callable[[Trainer], None] | None = None) -> Course:
    """Train a setup to its end; see `course`."""
    network = CPU.place(setup.model)
    plan = setup.plan([setup.recipe.epochs])
    seen: list[Tensor] = []

    def noted(output: Tensor, target: Tensor) -> Tensor:
        seen.append(plan.loss(output, target))
        return seen[-1]

    optimizer = setup.optimizer(network, setup.rate)
    feeds = setup.feeds
    noting = replace(plan, loss=noted)
    trainer = Trainer(network, optimizer, setup.rate, feeds["train"], feeds.get("valid"), CPU, noting)
    found = Course(network)
    eyes = _Eyes(found, trainer, seen, watch)
    try:
        trainer.run(eyes, eyes)
    except Diverged:
        found.diverged = True
    return found


def ends_of(setup: Setup) -> dict[str, float]:
    """Train a setup and score both splits once, at the end: `train_loss`, `train_accuracy`, `valid_loss` ...

    Raises:
        Diverged: The loss was no longer finite.
    """
    found = course_of(replace(setup, feeds={"train": setup.feeds["train"]}))
    if found.diverged:
        raise Diverged("The loss of this training of the lab is no longer finite. Set a lower rate.")
    scores = {part: score(found.model, setup.feeds[part], CPU, setup.plain_loss) for part in ("train", "valid")}
    return {f"{part}_{name}": value for part, own in scores.items() for name, value in own.items()}


class _Eyes:
    """Sees a training, and keeps no weights."""

    def __init__(
        self, found: Course, trainer: Trainer, seen: list[Tensor], watch: Callable[[Trainer], None] | None
    ) -> None:
        self._found, self._trainer, self._seen, self._watch = found, trainer, seen, watch

    def line(self, kind: str, values: dict[str, Any]) -> None:
        """Keep what was scored or measured."""
        (self._found.scores if kind == "epoch" else self._found.measures).append(values)

    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None:
        """Keep the loss of the step."""
        del step, steps, samples, loss
        self._found.losses.append(float(self._seen[0].detach()))  # the first of two, where a step looks twice
        self._seen.clear()
        if self._watch is not None:
            self._watch(self._trainer)

    def scored(self, line: dict[str, Any]) -> None:
        """Nothing: the line was kept."""

    def save(self, trainer: Trainer) -> None:
        """Nothing is saved: it is never resumed."""

    def best(self, trainer: Trainer) -> None:
        """Nothing is kept: the experiment reads the last weights."""


@functools.cache
def built_in(name: str) -> Data:
    """A built-in data set as training has it: with a validation split of its own."""
    return open_data(name)
