"""A copy of a model at work: measure its loss, train it a step."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.draws import StepDraws
from trainwell.errors import BadValue
from trainwell.probes.state import untouched

Batch = tuple[Any, Any]
Batches = Callable[[int], Batch]
Loss = Callable[[Any, Any], Tensor]
Forward = Callable[[nn.Module, Any], Any]
MakeOptimizer = Callable[[nn.Module, float], Optimizer]


def call(model: nn.Module, x: Any) -> Any:
    """The forward pass unless another one is given: `model(x)`."""
    return model(x)


class Experiment:
    """A model in training mode and its loss, to be trained and thrown away; made by `experiment`.

    Args:
        model: The copy.
        loss: (output, target) -> scalar.
        forward: (model, x) -> output.
    """

    def __init__(self, model: nn.Module, loss: Loss, forward: Forward) -> None:
        self.model = model.train()
        self.criterion = loss
        self._forward = forward
        attributes = [value for module in model.modules() for value in vars(module).values()]
        self._draws = [value for value in attributes if isinstance(value, StepDraws)]

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        """The parameters that are not frozen, by name."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Any]:
        """The loss of a batch, a scalar tensor, and the output it was made from.

        Raises:
            BadValue: The batch is no pair, or the loss is no scalar tensor.
        """
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise BadValue(f"Expected a batch as a pair (x, y), got {type(batch).__name__}.")
        for draws in self._draws:
            draws.step = step
        # A layer that works in place would change the user's data, and the batch that comes again.
        x, y = _fresh(batch[0]), _fresh(batch[1])
        output = self._forward(self.model, x)
        value = self.criterion(output, y)
        if not isinstance(value, Tensor) or value.numel() != 1:
            came = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise BadValue(f"The loss gave {came}; expected a scalar tensor. Take its mean over the batch.")
        return value.reshape(()), output

    def train(self, optimizer: Optimizer, batch: Batch, step: int) -> tuple[float, Any]:
        """Take one step; gives the loss before it and the output, and leaves the gradients where they are."""
        first: list[tuple[Tensor, Any]] = []

        def closure() -> Tensor:
            optimizer.zero_grad(set_to_none=True)
            value, output = self.loss(batch, step)
            first.append((value.detach(), output))
            if value.requires_grad:
                value.backward()
            return value.detach()

        # With a closure, optimizers of two passes a step work too.
        optimizer.step(closure)  # type: ignore[arg-type]
        value, output = first[0]
        return value.item(), output


@contextlib.contextmanager
def experiment(model: nn.Module, loss: Loss, forward: Forward | None, seed: int) -> Iterator[Experiment]:
    """An experiment on a copy of the model (and of the loss, if it is a module), with gradients on; see `untouched`."""
    module = loss if isinstance(loss, nn.Module) else None
    # Modes first: a copy made in inference mode could not be trained.
    with torch.inference_mode(False), torch.enable_grad(), untouched(model, module, seed=seed) as copies:
        yield Experiment(copies[0], loss if module is None else copies[1], forward or call)


def set_rate(optimizer: Optimizer, lr: float) -> None:
    """Give every group the rate, times the group's `rate_scale` where it has one."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("rate_scale", 1.0)


def _fresh(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {name: _fresh(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_fresh(item) for item in value)
    return value
