"""A program to try things on: copies of model, loss and optimizer that belong together, and the batches in order."""

import contextlib
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.clippings.norm import norm
from trainwell.errors import BadValue
from trainwell.parameters import global_norm
from trainwell.probes.experiment import Batch, Experiment, Forward, Loss, call
from trainwell.probes.state import untouched


@dataclass(eq=False)
class Program:
    """What an intervention may change: everything in it is a copy, and is thrown away.

    Args:
        model: The copy, in training mode.
        loss: (output, target) -> scalar; copied if it is a module.
        optimizer: The copy, over the parameters of the copied model, with the state that the user's had.
        batches: The batches to be trained on, in order; tensors in them are the user's and are not to be written into.
        held: A batch that is only looked at.
        forward: (model, x) -> output.
        seed: Seed of what an intervention draws.
        axis: Axis of the features in the inputs.
        usual_norm: Median norm of the gradient in the training without intervention; None while that runs.
        limit: Norm that gradients are clipped to; None leaves them.
    """

    model: nn.Module
    loss: Loss
    optimizer: Optimizer
    batches: list[Batch]
    held: Batch
    forward: Forward = call
    seed: int = 0
    axis: int = 1
    usual_norm: float | None = None
    limit: float | None = None
    _trial: Experiment = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # An intervention may exchange the forward pass later.
        self._trial = Experiment(self.model, self.loss, lambda model, x: self.forward(model, x))

    def change_batches(self, change: Callable[[Batch], Batch]) -> None:
        """Pass the batches, and the one that is held, through a function."""
        self.batches = [change(batch) for batch in self.batches]
        self.held = change(self.held)

    def step(self, number: int) -> tuple[float, float]:
        """Take a step on the batch whose turn it is; gives the loss before it and the norm of its gradient."""
        first: list[tuple[float, float]] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad(set_to_none=True)
            value, _ = self._trial.loss(self.batches[number % len(self.batches)], number)
            if value.requires_grad:
                value.backward()
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            gradients = [p.grad for p in parameters if p.grad is not None]
            length = global_norm(gradients) if self.limit is None else norm(parameters, limit=self.limit)
            first.append((value.item(), float(length)))
            return value.detach()

        # With a closure, optimizers of several passes a step work too; the first one is what is reported.
        self.optimizer.step(closure)  # type: ignore[arg-type]
        return first[0]

    @torch.no_grad()
    def held_loss(self, number: int, *, training: bool = False) -> float:
        """Loss of the held batch in evaluation, or in training mode, where norms then take the batch in."""
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.train(training)
        try:
            return self._trial.loss(self.held, number)[0].item()
        finally:
            for module, mode in modes:
                module.training = mode

    @torch.no_grad()
    def losses_now(self, numbers: range, seed: Callable[[int], None]) -> list[float]:
        """Losses of the batches of these steps by the weights as they are, in the modes of training, on a copy.

        `seed` is called with the number of a step before it, to seed what is drawn in it.
        """
        trial = copy.deepcopy(self._trial)
        losses = []
        for number in numbers:
            seed(number)
            losses.append(trial.loss(self.batches[number % len(self.batches)], number)[0].item())
        return losses


@contextlib.contextmanager
def program(
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    batches: list[Batch],
    held: Batch,
    *,
    forward: Forward | None = None,
    seed: int = 0,
    axis: int = 1,
) -> Iterator[Program]:
    """Copies of model, loss and optimizer that share what the originals share; all is afterwards as it was.

    The optimizer is copied with its class, groups, defaults and state; hooks on it, and a `step` that a schedule has
    wrapped, belong to the user's and are left out. Parameters that it holds and the model does not are copied by
    themselves: what the user's optimizer does not train, this one does not train either.

    Args:
        model: Any module.
        loss: (output, target) -> scalar; a module is copied.
        optimizer: Any optimizer.
        batches: The batches to be trained on.
        held: The batch that is only looked at.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of everything drawn inside.
        axis: Axis of the features in the inputs.

    Raises:
        BadValue: Model, loss or optimizer cannot be copied, or no optimizer came.
    """
    if not isinstance(optimizer, Optimizer):
        raise BadValue(f"Expected a torch optimizer over the model's parameters, got {type(optimizer).__name__}.")
    module = loss if isinstance(loss, nn.Module) else None
    held_by_optimizer = [p for group in optimizer.param_groups for p in group["params"]]
    gradients = [p.grad for p in held_by_optimizer]
    # A loss that is a function may reach parameters that stand in the optimizer only, and would add to these.
    for parameter in held_by_optimizer:
        parameter.grad = None
    try:
        # Modes first: a copy made in inference mode could not be trained.
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            untouched(model, module, _Copied(optimizer), seed=seed) as (model_copy, loss_copy, optimizer_copy),
        ):
            criterion = loss if module is None else loss_copy
            yield Program(
                model_copy, criterion, optimizer_copy, list(batches), held, forward or call, seed=seed, axis=axis
            )
    finally:
        for parameter, gradient in zip(held_by_optimizer, gradients, strict=True):
            parameter.grad = gradient


class _Copied:
    """An optimizer whose deep copy keeps what torch's leaves out: attributes of its class, optimizers within it."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    def __deepcopy__(self, memo: dict[int, Any]) -> Optimizer:
        return _copied(self.optimizer, memo)


def _copied(optimizer: Optimizer, memo: dict[int, Any]) -> Optimizer:
    made: Optimizer = object.__new__(type(optimizer))
    memo[id(optimizer)] = made
    for value in vars(optimizer).values():
        if isinstance(value, Optimizer) and id(value) not in memo:
            _copied(value, memo)
    for name, value in vars(optimizer).items():
        if name.endswith("_hooks"):
            made.__dict__[name] = type(value)()
        elif name != "step":  # a schedule's, which would step the user's own
            made.__dict__[name] = copy.deepcopy(value, memo)
    return made
