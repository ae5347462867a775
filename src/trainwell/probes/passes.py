"""The same copy sent through again and again, each time from the same buffers and the same random states."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from trainwell.draws import StepDraws
from trainwell.errors import BadValue
from trainwell.probes.contents import fresh
from trainwell.probes.experiment import Forward, call
from trainwell.probes.overfit import without_dropout
from trainwell.probes.state import untouched


class Passes:
    """Forward passes that differ in nothing but what is asked; made by `passes`.

    Args:
        model: The copy.
        forward: (model, x) -> output.
        seed: Seed of what the model draws.
    """

    def __init__(self, model: nn.Module, forward: Forward, seed: int) -> None:
        self.model = model
        self._forward = forward
        self._seed = seed
        self._buffers = [
            (module, name, buffer, buffer.clone())
            for module in model.modules()
            for name, buffer in module._buffers.items()
            if buffer is not None
        ]
        attributes = [value for module in model.modules() for value in vars(module).values()]
        self._draws = [value for value in attributes if isinstance(value, StepDraws)]

    def __call__(self, x: Any, *, training: bool, draw: int = 0, dropout: bool = True) -> Any:
        """The output of one pass.

        Args:
            x: Inputs, which are handed on as they are: see `fresh`.
            training: Whether all modules are in training mode, or all in evaluation mode.
            draw: Which draws of dropout and the like; the same number, the same draws.
            dropout: False switches off every layer that drops, for all later passes too; `F.dropout` stays.

        Raises:
            BadValue: The network fails on this batch.
        """
        with torch.no_grad():
            for module, name, buffer, before in self._buffers:
                # One that did not change may be a view that cannot be written to; one may have been put in its place.
                if not torch.equal(buffer, before):
                    buffer.copy_(before)
                module._buffers[name] = buffer
        for draws in self._draws:
            draws.step = draw
        self.model.train(training)
        if not dropout:
            without_dropout(self.model)
        with untouched(seed=self._seed + draw):
            try:
                return self._forward(self.model, x)
            except Exception as error:
                raise BadValue(
                    f"The network ({type(self.model).__name__}) fails on this batch in "
                    f"{'training' if training else 'evaluation'} mode: {type(error).__name__}: {error}"
                ) from error

    def look(self, x: Any, *, training: bool, draw: int = 0, dropout: bool = True) -> Any:
        """The output of one pass over a copy of the inputs, without a graph."""
        with torch.no_grad():
            return self(fresh(x), training=training, draw=draw, dropout=dropout)


@contextlib.contextmanager
def passes(model: nn.Module, forward: Forward | None, seed: int) -> Iterator[Passes]:
    """Passes through a copy of the model, with gradients on; see `untouched`. A compiled model is looked at as it was.

    Raises:
        BadValue: The model cannot be copied.
    """
    plain = getattr(model, "_orig_mod", model)
    with torch.inference_mode(False), torch.enable_grad(), untouched(plain, seed=seed) as (copied,):
        yield Passes(copied, forward or call, seed)
