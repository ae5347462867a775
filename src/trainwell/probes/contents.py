"""What a batch holds: its tensors by name, whatever structure they come in, and some batches taken at once."""

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor

from trainwell.errors import BadValue
from trainwell.probes.experiment import Batch, Batches
from trainwell.probes.state import untouched


def tensors(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors in a structure of mappings, lists and tuples, each with its way there: `image`, `0`, `pair.1`.

    A tensor that is the whole value has an empty name. What is no tensor is passed over.
    """
    if isinstance(value, Tensor):
        yield name, value
        return
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        items = list(zip(value._fields, value, strict=True))
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    else:
        items = []
    for key, item in items:
        yield from tensors(item, f"{name}.{key}" if name else str(key))


def exchanged(value: Any, change: Callable[[Tensor], Tensor], other: Callable[[Any], Any] | None = None) -> Any:
    """The same structure with each tensor exchanged for what `change` makes of it.

    What is neither a tensor nor a mapping, list or tuple is exchanged by `other`, or handed on.
    """
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        items = {key: exchanged(item, change, other) for key, item in value.items()}
        if type(value) is dict or not isinstance(value, MutableMapping):
            return items
        # One of a class of its own, as tokenizers give it, keeps its other attributes.
        made = copy.copy(value)
        for key, item in items.items():
            made[key] = item
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(exchanged(item, change, other) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(exchanged(item, change, other) for item in value)
    return value if other is None else other(value)


def fresh(value: Any) -> Any:
    """The same structure, all of it copied, and cut from any graph: a layer may work in place."""
    return exchanged(value, lambda tensor: tensor.detach().clone(), copy.deepcopy)


def rows(value: Any, num_samples: int) -> tuple[Tensor | None, list[str]]:
    """The floating-point tensors of an output, side by side, a row a sample.

    The axis of the samples is the first one that is `num_samples` long, in each tensor by itself.

    Args:
        value: Any structure of tensors.
        num_samples: N.

    Returns:
        (N, K) float64, with its graph, or None where there is nothing; and, in words, what is not in it.
    """
    found: list[Tensor] = []
    unseen: list[str] = []
    for name, tensor in tensors(value):
        axis = axis_of(tensor, num_samples)
        called = f"output {name}" if name else "output"
        if not tensor.is_floating_point():
            unseen.append(f"{called}: holds {tensor.dtype}")
        elif axis is None:
            unseen.append(f"{called}: shape {tuple(tensor.shape)} has no axis of {num_samples} samples")
        else:
            found.append(tensor.cpu().double().movedim(axis, 0).reshape(num_samples, -1))
    if not found and not unseen:
        unseen.append("output: holds no tensor")
    return (torch.cat(found, dim=1) if found else None), unseen


def axis_of(tensor: Tensor, num_samples: int) -> int | None:
    """The first axis that is `num_samples` long, or None."""
    return next((axis for axis, size in enumerate(tensor.shape) if size == num_samples), None)


def num_samples(batch: Batch) -> int:
    """How many samples a batch has: the length of its first target or, without one, of its first input.

    Raises:
        BadValue: The batch is no pair, holds no tensor with an axis, or no sample.
    """
    x, y = pair(batch)
    count = next((len(tensor) for part in (y, x) for _, tensor in tensors(part) if tensor.ndim), None)
    if not count:
        holds = "no tensor with an axis of samples" if count is None else "no samples"
        raise BadValue(f"The batch holds {holds}. Give x and y as tensors, or in dicts or tuples, of 1 sample or more.")
    return count


def digests(value: Any, num_samples: int) -> list[bytes]:
    """A digest of each sample, over all its tensors: equal samples, to the bit but for the sign of 0, have equal ones.

    Tensors without an axis of `num_samples` are left aside; with none at all every sample is like every other.
    """
    found = [hashlib.blake2b(digest_size=16) for _ in range(num_samples)]
    for name, tensor in tensors(value):
        axis = axis_of(tensor, num_samples)
        if axis is None:
            continue
        flat = (tensor.detach().cpu().movedim(axis, 0) + 0).reshape(num_samples, -1).contiguous()
        for each, row in zip(found, flat.view(torch.uint8).numpy(), strict=True):
            each.update(f"{name} {tuple(tensor.shape[:axis] + tensor.shape[axis + 1 :])} {axis} ".encode())
            each.update(row.tobytes())
    return [each.digest() for each in found]


def pair(batch: Any) -> Batch:
    """The batch, if it is a pair (x, y).

    Raises:
        BadValue: It is none.
    """
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise BadValue(f"Expected a batch as a pair (x, y), got {type(batch).__name__}.")
    return batch[0], batch[1]


def gathered(batches: list[Batch], part: int) -> dict[str, list[Tensor]]:
    """The tensors of all inputs (part 0) or targets (part 1) by name, (N, ...) each, on the CPU.

    Complex numbers, and tensors without an axis of the samples, are left out.
    """
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        count = num_samples(batch)
        for name, tensor in tensors(batch[part]):
            axis = axis_of(tensor, count)
            if axis is not None and not tensor.is_complex():
                found.setdefault(name, []).append(tensor.detach().cpu().movedim(axis, 0))
    return found


def take(batches: Batches, num_batches: int, seed: int, max_values: int | None = None) -> list[Batch]:
    """The first batches. What is drawn on the way comes from `seed`, and the random states are put back.

    Args:
        batches: step -> (x, y).
        num_batches: How many there may be.
        seed: Seed of what is drawn.
        max_values: No further batch is taken once the inputs hold that many values.

    Raises:
        BadValue: `num_batches` under 1, or a batch that is no pair.
    """
    if num_batches < 1:
        raise BadValue(f"num_batches={num_batches} is not possible: expected 1 or more.")
    taken: list[Batch] = []
    num_values = 0
    with untouched(seed=seed):
        for step in range(num_batches):
            taken.append(pair(batches(step)))
            num_values += sum(tensor.numel() for _, tensor in tensors(taken[-1][0]))
            if max_values is not None and num_values >= max_values:
                break
    return taken
