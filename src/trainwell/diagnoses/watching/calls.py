"""Calls: which part of a network a loop calls, where it does not call the network itself."""

import contextlib
import functools
from typing import Any

import torch
from torch import nn


class Calls:
    """Notes which modules are called in training, from when it is made until it is closed.

    Args:
        model: The network; what counts is what is called within it.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._called: set[str] = set()
        self._attached = contextlib.ExitStack()
        for name, module in model.named_modules():
            if name and not isinstance(module, torch.jit.ScriptModule):
                hook = module.register_forward_pre_hook(functools.partial(_note, self._called, name))
                self._attached.callback(hook.remove)

    def close(self) -> None:
        """Take the hooks off."""
        self._attached.close()

    def largest(self) -> str | None:
        """Name of the module with the most parameters among those that no other one calls; None without any."""
        outermost = [name for name in self._called if not any(name.startswith(f"{other}.") for other in self._called)]
        sizes = {name: sum(p.numel() for p in self._model.get_submodule(name).parameters()) for name in outermost}
        known = [name for name, size in sizes.items() if size]
        return max(known, key=lambda name: (sizes[name], name), default=None)


def _note(called: set[str], name: str, module: nn.Module, args: Any) -> None:  # noqa: ARG001
    if module.training and torch.is_grad_enabled():
        called.add(name)
