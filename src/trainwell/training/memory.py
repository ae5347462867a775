"""Memory of a training step: how much it takes, and the largest batch that fits."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.errors import OutOfMemory
from trainwell.training.machine import free_memory

_WORKSPACE = 1.5  # gradients of activations and scratch space, beside what is saved for the backward pass
_COPIES = 5  # weights, gradients, two moments, an average


def bytes_saved(model: nn.Module, run: Callable[[], Tensor]) -> int:
    """Bytes that a forward pass keeps for the backward pass, weights left out; random state is left as it was."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    on_gpu = {p.device for p in model.parameters() if p.is_cuda}
    with torch.random.fork_rng(devices=on_gpu), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        kept = run()
    del kept
    return sum(seen.values())


def refuse_if_too_large(model: nn.Module, saved: int, samples: int, batch_size: int) -> None:
    """Refuse a batch that cannot fit, before the system kills the process for it.

    Args:
        model: The network.
        saved: Bytes kept for the backward pass of `samples` samples.
        samples: See `saved`.
        batch_size: What the recipe asks for.

    Raises:
        OutOfMemory: With the largest batch that fits.
    """
    free = free_memory()
    if free is None:
        return
    weights, each = _needs(model, saved, samples)
    if weights + each * batch_size > free:
        needs = f"about {_gib(weights + each * batch_size)} of {_gib(free)} free"
        raise OutOfMemory(_message(batch_size, needs, _fits(free, weights, each)))


def largest_that_fits(model: nn.Module, saved: int, samples: int) -> int | None:
    """The largest batch that fits into free memory; None where the system does not tell. Arguments as above."""
    free = free_memory()
    return None if free is None else _fits(free, *_needs(model, saved, samples))


def _needs(model: nn.Module, saved: int, samples: int) -> tuple[float, float]:
    """Bytes for the weights and all that goes with them, and for each sample of a batch."""
    weights = _COPIES * sum(p.numel() * p.element_size() for p in model.parameters())
    return weights, max(1.0, _WORKSPACE * saved / samples)


def _fits(free: int, weights: float, each: float) -> int:
    return max(0, int((free - weights) / each))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        text in str(error)
        for text in ("can't allocate memory", "not enough memory", "could not create a memory object")
    )


def largest_batch(attempt: Callable[[int], Any], batch_size: int) -> int:
    """The largest of batch_size/2, /4, ... for which a step runs through; 0 for none."""
    size = batch_size // 2
    while size >= 1:
        try:
            attempt(size)
            return size
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        size //= 2
    return 0


def too_large(batch_size: int, fits: int) -> OutOfMemory:
    """The error for a batch whose step ran out of memory."""
    return OutOfMemory(_message(batch_size, "more memory than there is", fits))


def _message(batch_size: int, needs: str, fits: int) -> str:
    advice = (
        f"The largest batch that fits is about {fits}: batch_size={fits}."
        if fits
        else "Not even one sample fits: take a smaller model or image_size."
    )
    return f"batch_size={batch_size} needs {needs}. {advice} Scale the learning rate along with it."


def _gib(number: float) -> str:
    return f"{number / 2**30:.1f} GiB"
