"""Samples that can be asked for by number, from whatever a script holds them in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from trainwell.errors import BadData
from trainwell.probes.contents import exchanged, pair, tensors
from trainwell.probes.experiment import Batch

_STREAMED = 4096  # samples taken from what can only be read in order


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples that can be asked for by number.

    Args:
        count: How many there are.
        read: (numbers, (N,) int64) -> batch of these samples.
        change: What is done to a batch before it is given out.
        stored: Whether all of it lies in memory, so that `whole` costs no more than a copy.
    """

    count: int
    read: Callable[[Tensor], Batch]
    change: tuple[Callable[[Batch], Batch], ...] = ()
    stored: bool = False

    def __len__(self) -> int:
        return self.count

    def batch(self, numbers: Tensor) -> Batch:
        """The samples of these numbers, (x, y)."""
        batch = self.read(numbers)
        for change in self.change:
            batch = change(batch)
        return batch

    def first(self, count: int) -> Batch:
        """The first samples, or all where there are not as many."""
        return self.batch(torch.arange(min(count, self.count)))

    def whole(self) -> Batch:
        """All of them at once."""
        return self.batch(torch.arange(self.count))

    def changed(self, change: Callable[[Batch], Batch]) -> "Samples":
        """The same samples, each batch of them passed through a function."""
        return replace(self, change=(*self.change, change))

    def some(self, numbers: Tensor) -> "Samples":
        """Those of these numbers, in this order."""
        return replace(self, count=len(numbers), read=lambda asked: self.read(numbers[asked]))


def samples(source: Any, name: str = "train") -> Samples:
    """Samples from whatever a script holds them in.

    Args:
        source: A pair (x, y) of arrays, tensors or structures of tensors, samples first; a map-style Dataset of pairs;
            or a DataLoader, of which data set and `collate_fn` are taken. Of an iterable-style one the first 4096
            samples.
        name: What it is called in messages.

    Raises:
        BadData: It is none of these, is empty, or inputs and targets are not equally many.
    """
    if isinstance(source, Samples):
        return source
    if isinstance(source, DataLoader):
        if isinstance(source.dataset, IterableDataset) or source.batch_size is None:
            return _streamed(source, name)
        return _of_dataset(source.dataset, source.collate_fn, name)
    if isinstance(source, IterableDataset):
        return _streamed(DataLoader(source, batch_size=64), name)
    if isinstance(source, tuple | list) and len(source) == 2 and not isinstance(source[0], tuple):
        return _of_pair(source[0], source[1], name)
    listed = hasattr(source, "__len__") and hasattr(source, "__getitem__") and not isinstance(source, str | bytes)
    if isinstance(source, Dataset) or listed:
        return _of_dataset(source, default_collate, name)
    raise BadData(
        f"{name} is {type(source).__name__}; expected a pair (x, y) of arrays or tensors, a Dataset or a DataLoader."
    )


def _of_pair(x: Any, y: Any, name: str) -> Samples:
    x, y = (_as_tensors(part) for part in (x, y))
    counts = {len(tensor) for part in (x, y) for _, tensor in tensors(part) if tensor.ndim}
    if len(counts) != 1 or 0 in counts:
        raise BadData(
            f"{name} holds parts of {sorted(counts)} samples; expected inputs and targets of as many, one or more."
        )

    def read(numbers: Tensor) -> Batch:
        return exchanged(x, lambda tensor: tensor[numbers]), exchanged(y, lambda tensor: tensor[numbers])

    return Samples(counts.pop(), read, stored=True)


def _as_tensors(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, Mapping):
        return {key: _as_tensors(item) for key, item in value.items()}
    if isinstance(value, Tensor):
        return value.detach()
    try:
        return torch.as_tensor(np.asarray(value))
    except (TypeError, ValueError) as error:
        raise BadData(f"Expected an array or a tensor of samples, got {type(value).__name__}: {error}") from error


def _of_dataset(dataset: Any, collate: Callable[[list[Any]], Any], name: str) -> Samples:
    if not len(dataset):
        raise BadData(f"{name} holds no sample; expected one or more.")
    known: dict[int, Any] = {}

    def read(numbers: Tensor) -> Batch:
        # The user's data set may draw: what it gives the first time is kept, so that trainings can be compared.
        for number in numbers.tolist():
            if number not in known:
                known[number] = dataset[number]
        return pair(collate([known[number] for number in numbers.tolist()]))

    return Samples(len(dataset), read)


def _streamed(loader: DataLoader[Any], name: str) -> Samples:
    taken: list[Batch] = []
    count = 0
    for batch in loader:
        taken.append(pair(batch))
        count += next(len(tensor) for _, tensor in tensors(taken[-1][1]))
        if count >= _STREAMED:
            break
    if not taken:
        raise BadData(f"{name} holds no sample; expected one or more.")
    x, y = (_joined([batch[part] for batch in taken]) for part in (0, 1))
    return _of_pair(x, y, name)


def _joined(values: list[Any]) -> Any:
    columns = [list(tensors(value)) for value in values]
    joined = iter([torch.cat([column[place][1] for column in columns]) for place in range(len(columns[0]))])
    return exchanged(values[0], lambda _: next(joined))
