"""Averages: weights averaged over the steps of the training.

A member takes its hyper-parameters and gives an `Average`::

    (*, ...) -> Average

Every parameter and every floating buffer is averaged, so also the running statistics of batch norm; whole-number
buffers are not. The average of weights of 16 bits is kept in float32: what one step adds to it is below their
precision.

Facts of a member:
    writes_back: Whether `update` also sets the model's weights to the average; the model is then itself the result.
"""

import abc
import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.family import Family

averages = Family("averages", __name__, "average")


class Average(abc.ABC):
    """Averaged weights of one model.

    The average starts as the weights at the first call of `start` or `update`, or as what `load_state_dict` brings.
    """

    def __init__(self) -> None:
        self._average: dict[str, Tensor] = {}
        self._model: nn.Module | None = None
        self._live: list[Tensor] = []
        self._narrow = False

    @abc.abstractmethod
    def update(self, model: nn.Module, step: int, total_steps: int) -> None:
        """Take in the weights after a step.

        Args:
            model: The same one at every call.
            step: Number of steps taken so far, this one included: 1 .. total_steps.
            total_steps: Number of steps of the whole training.
        """

    def start(self, model: nn.Module) -> None:
        """Begin with the weights of the model, unless there is an average already."""
        if self._model is model:
            return
        live = _floats(model)
        if not self._average:
            self._average = {name: tensor.detach().clone() for name, tensor in live.items()}
        _check_same(self._average, live)
        self._average = {
            name: self._average[name].to(tensor.device, torch.promote_types(tensor.dtype, torch.float32))
            for name, tensor in live.items()
        }
        self._model, self._live = model, list(live.values())
        self._narrow = any(tensor.dtype != self._average[name].dtype for name, tensor in live.items())

    def weights(self) -> dict[str, Tensor]:
        """The averaged weights by name; empty before the first update. Not copies."""
        return dict(self._average)

    def state_dict(self) -> dict[str, Tensor]:
        """All there is to save: the averaged weights by name."""
        return self.weights()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from saved weights."""
        self._average = {name: tensor.detach().clone() for name, tensor in state.items()}
        self._model, self._live = None, []

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """The model with the averaged weights inside the `with`, and exactly its own after it."""
        live = _floats(model)
        if not self._average:
            yield
            return
        _check_same(self._average, live)
        tensors = list(live.values())
        with torch.no_grad():
            own = [tensor.detach().clone() for tensor in tensors]
            torch._foreach_copy_(tensors, [self._average[name] for name in live])
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(tensors, own)

    @torch.no_grad()
    def _blend(self, share: float) -> None:
        """Move the average towards the model's weights by this share of the way."""
        average = list(self._average.values())
        live = self._live
        if self._narrow:
            live = [tensor.to(wide.dtype) for tensor, wide in zip(live, average, strict=True)]
        torch._foreach_lerp_(average, live, share)

    @torch.no_grad()
    def _write_back(self) -> None:
        """Set the model's weights to the average."""
        torch._foreach_copy_(self._live, list(self._average.values()))


def _floats(model: nn.Module) -> dict[str, Tensor]:
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor for name, tensor in named if tensor.is_floating_point()}


def _check_same(average: dict[str, Tensor], live: dict[str, Tensor]) -> None:
    if average.keys() != live.keys():
        odd = sorted(average.keys() ^ live.keys())
        raise BadValue(f"The averaged weights are of another model: {', '.join(odd[:5])} are in one of the two only.")
    for name, tensor in live.items():
        if average[name].shape != tensor.shape:
            raise BadValue(
                f"The averaged weights are of another model: {name} has shape {tuple(average[name].shape)} there and "
                f"{tuple(tensor.shape)} here."
            )
