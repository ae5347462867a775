"""Leave everything as it was: copies to experiment on, and the random states put back."""

import contextlib
import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from trainwell.errors import BadValue


@contextlib.contextmanager
def same_random_states() -> Iterator[None]:
    """Put back the states of `random`, numpy's global generator and torch (CPU and CUDA) on leaving."""
    python, legacy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    # Asking would start CUDA where nobody has used it yet; then there is no state to lose either.
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


@contextlib.contextmanager
def untouched(*objects: Any, seed: int = 0) -> Iterator[tuple[Any, ...]]:
    """Deep copies of the objects, sharing what these share, and random states that start from `seed` and are put back.

    The gradients of the originals are put aside meanwhile: a loss may reach for the user's own model.

    Args:
        objects: A model, and what may share tensors with it, such as a loss that is a module.
        seed: Seed of everything drawn inside.

    Raises:
        BadValue: An object cannot be copied.
    """
    with same_random_states(), same_gradients(*objects):
        try:
            copies = copy.deepcopy(objects)
        except (RuntimeError, TypeError) as error:
            raise BadValue(
                f"The model or its loss cannot be copied, and a probe works on a copy only: {error}. "
                "Keep no results of a forward pass, open files or locks as attributes of a module."
            ) from error
        random.seed(seed)
        np.random.seed(seed % 2**32)
        # torch.manual_seed would also queue a seed for a CUDA that has not been started.
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed)
        yield copies


@contextlib.contextmanager
def same_gradients(*objects: Any) -> Iterator[None]:
    """Put the gradients of the modules among the objects aside, and back on leaving: the same tensors."""
    parameters = [p for module in objects if isinstance(module, nn.Module) for p in module.parameters()]
    gradients = [p.grad for p in parameters]
    for p in parameters:
        p.grad = None
    try:
        yield
    finally:
        for p, gradient in zip(parameters, gradients, strict=True):
            p.grad = gradient
