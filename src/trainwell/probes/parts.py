"""Parts: what a training script holds, in one shape: model, loss, optimizer, samples, and how long it trains."""

import copy
import math
import types
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainwell.errors import BadValue
from trainwell.probes.contents import tensors
from trainwell.probes.copies import copied, copy_optimizer, copy_scheduler
from trainwell.probes.experiment import Forward, Loss, call
from trainwell.probes.samples import Samples, samples
from trainwell.probes.targets import kind_of

Task = Literal["classification", "regression"]
Build = Callable[[int], Any]

_SPLIT = 0.2  # of the training samples, where no others are given for validation
_LOOKED = 512  # targets by which the task is told


@dataclass(eq=False)
class Parts:
    """The parts of a training program. `copy` gives parts that may be changed; those of the user never are.

    Args:
        model: Any module.
        loss: (output, target) -> scalar.
        optimizer: Any optimizer over the parameters of the model.
        train: The samples trained on.
        valid: The samples looked at.
        batch_size: Samples a step.
        epochs: Passes over the training samples.
        scheduler: The scheduler of the optimizer.
        task: What the targets are.
        forward: (model, x) -> output.
        own_valid: Whether `valid` came from the user; otherwise it is a part of what was to be trained on.
    """

    model: nn.Module
    loss: Loss
    optimizer: Optimizer
    train: Samples
    valid: Samples
    batch_size: int
    epochs: int
    scheduler: LRScheduler | None = None
    task: Task = "classification"
    forward: Forward = call
    own_valid: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def epoch_steps(self) -> int:
        """Steps of an epoch; the last batch may be smaller."""
        return math.ceil(len(self.train) / self.batch_size)

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.epochs * self.epoch_steps

    def copy(self) -> "Parts":
        """Copies of model, loss, optimizer and scheduler that share what the originals share.

        The optimizer keeps class, groups, defaults and state; hooks on it, and a `step` that a scheduler has wrapped,
        belong to the user's. A loss that is a function and reaches for the model is given the copy.

        Raises:
            BadValue: Something cannot be copied.
        """
        memo: dict[int, Any] = {}
        try:
            # Gradients are not part of it, and a module that holds the result of a pass could not be copied.
            model = copy.deepcopy(self.model, memo)
            optimizer = copy_optimizer(self.optimizer, memo)
            plain = isinstance(self.loss, types.FunctionType)
            loss = copied(self.loss, memo) if plain else copy.deepcopy(self.loss, memo)
            scheduler = None if self.scheduler is None else copy_scheduler(self.scheduler, memo)
        except (RuntimeError, TypeError) as error:
            raise BadValue(
                f"The model, its loss or its optimizer cannot be copied, and all is tried on a copy: {error}. "
                "Keep no results of a forward pass, open files or locks as attributes of a module."
            ) from error
        return replace(self, model=model, loss=loss, optimizer=optimizer, scheduler=scheduler, notes=list(self.notes))


def parts(
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    train: Any,
    valid: Any = None,
    *,
    batch_size: int | None = None,
    epochs: int,
    scheduler: LRScheduler | None = None,
    task: str | None = None,
    seed: int = 0,
) -> Parts:
    """The parts of a program, checked and brought into one shape.

    Args:
        model: Any module.
        loss: (output, target) -> scalar tensor.
        optimizer: A torch optimizer.
        train: What is trained on; see `samples`.
        valid: What is looked at; without it a fifth of the training samples, which are then not trained on.
        batch_size: Samples a step, at least 1; that of the loader where None.
        epochs: Passes over the training samples, at least 1.
        scheduler: The scheduler.
        task: `classification`, `regression`, or None to tell it by the targets.
        seed: Seed of the split.

    Raises:
        BadValue: An argument is not what it has to be.
        BadData: There are no samples.
    """
    if not isinstance(model, nn.Module):
        raise BadValue(f"model is {type(model).__name__}; expected a torch.nn.Module.")
    if not isinstance(optimizer, Optimizer):
        raise BadValue(
            f"optimizer is {type(optimizer).__name__}; expected a torch.optim.Optimizer over the parameters."
        )
    if not callable(loss):
        raise BadValue(f"loss is {type(loss).__name__}; expected a callable: loss(output, target) -> scalar.")
    if task not in (None, "classification", "regression"):
        raise BadValue(f"task={task!r} is not possible: expected 'classification', 'regression' or None.")
    if batch_size is None:
        batch_size = getattr(train, "batch_size", None)
    for name, value in (("batch_size", batch_size), ("epochs", epochs)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise BadValue(f"{name}={value!r} is not possible: expected a whole number of 1 or more.")
    assert batch_size is not None
    given = samples(train, "train")
    if valid is None:
        held = max(1, round(_SPLIT * len(given))) if len(given) > 1 else 0
        order = torch.randperm(len(given), generator=torch.Generator().manual_seed(seed))
        kept, seen = given.some(order[held:]), given.some(order[:held] if held else order)
    else:
        kept, seen = given, samples(valid, "valid")
    return Parts(
        getattr(model, "_orig_mod", model),
        loss,
        optimizer,
        kept,
        seen,
        batch_size,
        epochs,
        scheduler,
        task or task_of(kept),  # type: ignore[arg-type]
        own_valid=valid is not None,
    )


def task_of(given: Samples) -> Task:
    """Whether the targets look like classes or like values."""
    _, y = given.first(_LOOKED)
    first = next((tensor for _, tensor in tensors(y)), None)
    if first is None or first.is_complex():
        return "regression"
    if not first.is_floating_point():
        return "classification"
    known = first[first.isfinite().reshape(len(first), -1).all(1)]
    return "regression" if kind_of(known) in ("real", "whole") else "classification"


def of_build(build: Build, seed: int, like: Parts) -> Parts:
    """The program made anew: `build(seed)` gives (model, loss, optimizer, train, valid, batch_size, epochs).

    Raises:
        BadValue: It gives something else.
    """
    made = build(seed)
    if isinstance(made, Parts):
        return made
    if not isinstance(made, tuple | list) or len(made) != 7:
        raise BadValue(
            "build(seed) must give (model, loss, optimizer, train, valid, batch_size, epochs), "
            f"got {type(made).__name__}{f' of {len(made)}' if isinstance(made, tuple | list) else ''}."
        )
    model, loss, optimizer, train, valid, batch_size, epochs = made
    return parts(model, loss, optimizer, train, valid, batch_size=batch_size, epochs=epochs, task=like.task)
