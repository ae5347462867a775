"""Entry: the call by which a loop runs a network, whatever is wrapped around it."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


class Hook:
    """A hook that stays with its module: copies and files of the module hold one that does nothing instead."""

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> None:
        self._call(*arguments)

    def __reduce__(self) -> Any:
        return Hook, (_nothing,)


def _nothing(*arguments: Any) -> None:
    pass


def unwrapped(model: nn.Module) -> tuple[nn.Module, bool]:
    """The network itself, and whether it is compiled."""
    compiled = False
    while True:
        compiled = compiled or model._compiled_call_impl is not None
        if isinstance(model, DistributedDataParallel | DataParallel):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model, compiled = model._orig_mod, True  # type: ignore[assignment]
        else:
            return model, compiled


@contextlib.contextmanager
def aside(model: nn.Module) -> Iterator[None]:
    """A pass beside the training: no gradients, and random states and buffers are afterwards as they were."""
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    cached = torch.is_autocast_cache_enabled()
    # Copies of weights that autocast keeps would be without gradients, and the training would go on with them.
    torch.set_autocast_cache_enabled(False)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=sorted(index for index in devices if index is not None)):
            yield
    finally:
        torch.set_autocast_cache_enabled(cached)
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
