"""Batches by index: from stored rows to what the network is given.

The order is an endless stream: epoch after epoch, each a permutation drawn from (seed, epoch), cut into batches of
one size. Every sample is visited once an epoch, no batch is short, and a last batch of one sample never comes about; a
batch may hold the end of one epoch and the start of the next. Where every class is to be drawn alike often an epoch has
as many samples, of each class the next ones of its own endless stream.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from trainwell.data.augment import Augmenter
from trainwell.data.cut import tensor_of
from trainwell.data.photos import Photos
from trainwell.draws import Draws, generator, order
from trainwell.errors import BadData

_IN_DEVICE_MEMORY = 0.25  # share of a GPU's free memory that the data may take


class Source(Protocol):
    """Where samples come from."""

    def __len__(self) -> int: ...

    def take(self, rows: Tensor) -> Tensor:
        """The samples of these rows, (n,) int64, stacked."""


class ArraySource:
    """Samples in an array, which may be a memory map larger than memory.

    Args:
        x: Array or tensor, (N, ...).
    """

    def __init__(self, x: np.ndarray | Tensor) -> None:
        self._x = tensor_of(x) if isinstance(x, np.ndarray) else x

    def __len__(self) -> int:
        return len(self._x)

    def take(self, rows: Tensor) -> Tensor:
        return self._x.index_select(0, rows.to(self._x.device))

    def placed(self, device: torch.device) -> "ArraySource":
        """The samples on the device, where they take up a small part of its memory."""
        if device.type != "cuda":
            return self
        free, _ = torch.cuda.mem_get_info(device)
        fits = self._x.numel() * self._x.element_size() < _IN_DEVICE_MEMORY * free
        return ArraySource(self._x.to(device)) if fits else self


class PhotoSource:
    """Photos of many sizes: as they are, the middle square of each.

    Args:
        photos: The photos.
    """

    def __init__(self, photos: Photos) -> None:
        self.photos = photos

    def __len__(self) -> int:
        return len(self.photos)

    def take(self, rows: Tensor) -> Tensor:
        return self.photos.squares(rows.numpy())


class DatasetSource:
    """Samples of a map-style torch Dataset whose items are (x, y); items are read one by one and stacked.

    Args:
        dataset: Anything with `__len__` and `__getitem__`.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def take(self, rows: Tensor) -> Tensor:
        items = [torch.as_tensor(self._dataset[int(row)][0]) for row in rows]
        shapes = {tuple(item.shape) for item in items}
        if len(shapes) > 1:
            raise BadData(
                f"The samples of the dataset have several shapes ({', '.join(map(str, sorted(shapes)[:3]))}). "
                "Expected one shape: resize or pad them in the dataset."
            )
        return torch.stack(items)


def source_of(x: Any) -> Source:
    """Where the samples of data come from: an array or tensor, photos, or a torch Dataset."""
    if isinstance(x, Photos):
        return PhotoSource(x)
    return ArraySource(x) if isinstance(x, np.ndarray | Tensor) else DatasetSource(x)


class Stream:
    """Which samples a step sees.

    Args:
        count: Samples of the training split.
        batch_size: Samples a step, at most `count`.
        seed: Seed of the run.
        classes: Class of each sample, (count,): each class is then drawn alike often, to one sample, and within it each
            sample. A class without samples is left out. None visits each sample once an epoch.
    """

    def __init__(self, count: int, batch_size: int, seed: int, classes: Tensor | None = None) -> None:
        self.count, self.batch_size, self.seed = count, min(batch_size, count), seed
        self._members = None if classes is None else _members(classes)
        self._epochs: dict[int, tuple[Tensor, np.ndarray]] = {}

    def steps(self, epochs: float) -> int:
        """Steps that this many epochs take: at least one, rounded to the nearest."""
        return max(1, round(epochs * self.count / self.batch_size))

    def at(self, step: int) -> tuple[Tensor, int, int]:
        """Indices into the split, (B,) int64; the epoch of the first; how many belong to that epoch."""
        epoch, start = divmod(step * self.batch_size, self.count)
        here = min(self.batch_size, self.count - start)
        indices = self._epoch(epoch)[0][start : start + here]
        if here < self.batch_size:
            indices = torch.cat((indices, self._epoch(epoch + 1)[0][: self.batch_size - here]))
        return indices, epoch, here

    def visits(self, step: int) -> np.ndarray:
        """How often each of the samples `at` a step was drawn before, (B,) int64: what tells its draws apart."""
        epoch, start = divmod(step * self.batch_size, self.count)
        found = self._epoch(epoch)[1][start : start + self.batch_size]
        if len(found) < self.batch_size:
            found = np.concatenate((found, self._epoch(epoch + 1)[1][: self.batch_size - len(found)]))
        return found

    def _epoch(self, epoch: int) -> tuple[Tensor, np.ndarray]:
        """The samples of an epoch in order, and how often each was drawn before."""
        found = self._epochs.get(epoch)
        if found is None:
            self._epochs = {e: o for e, o in self._epochs.items() if e >= epoch - 1}
            indices, visits = order(self.seed, epoch, self.count), np.full(self.count, epoch)
            if self._members is not None:
                drawn = [self._of_class(number, epoch) for number in range(len(self._members))]
                visits = np.concatenate([of_class for _, of_class in drawn])[indices]
                indices = np.concatenate([members for members, _ in drawn])[indices]
            found = self._epochs[epoch] = torch.from_numpy(indices), visits
        return found

    def _of_class(self, number: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The samples of a class in an epoch, and how often each was drawn before."""
        assert self._members is not None
        members = self._members[number]
        # floor((x + k) / K) over k = 0 .. K - 1 add up to x: the shares of the classes fill an epoch, and no more.
        first, last = ((epochs * self.count + number) // len(self._members) for epochs in (epoch, epoch + 1))
        visits = np.arange(first, last) // len(members)
        turns = range(visits[0], visits[-1] + 1)
        drawn = np.concatenate([generator("class", self.seed, number, turn).permutation(members) for turn in turns])
        start = first - turns[0] * len(members)
        return drawn[start : start + len(visits)], visits


def _members(classes: Tensor) -> list[np.ndarray]:
    """The samples of each class that has any."""
    numbers = classes.cpu().numpy()
    return [np.flatnonzero(numbers == number) for number in np.unique(numbers)]


class Feed:
    """The path from stored rows to the network's input; the test-time path is the same without augmentation.

    Args:
        source: Samples: images as (N, H, W, C) uint8, tables as (N, F) float32, or anything a custom network takes.
        target: Targets of all rows, (N,) int64 or (N,) / (N, K) float32.
        rows: Rows of the split, (n,) int64.
        images: Whether samples are images, to be handed over as (N, C, H, W) in channels-last memory, or as the rows
            that the preprocessing makes of them.
        prepare: Fitted preprocessing with `apply(float tensor)`, or None.
        num_classes: Number of classes; None in regression.
        device: Where the network is.
        batch_size: Samples a step.
        seed: Seed of the run.
        augmenter: Augmentations of the training batches; None for none.
        balanced: Whether training steps draw every class alike often.
    """

    def __init__(
        self,
        source: Source,
        target: np.ndarray | Tensor,
        rows: np.ndarray,
        *,
        images: bool,
        prepare: Any | None,
        num_classes: int | None,
        device: torch.device,
        batch_size: int,
        seed: int,
        augmenter: Augmenter | None = None,
        balanced: bool = False,
    ) -> None:
        self._images, self._prepare, self._device, self._augmenter = images, prepare, device, augmenter
        self._rows = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.int64))
        self.num_classes = num_classes
        self.target = torch.as_tensor(target).index_select(0, self._rows).to(device)
        self.stream = Stream(len(rows), batch_size, seed, self.target if balanced else None)
        source = source.placed(device) if isinstance(source, ArraySource) else source
        self._ready: Tensor | None = None
        if not images and isinstance(source, ArraySource) and prepare is not None:
            # A table is small beside what is computed from it: preprocess it once, not in every step.
            self._ready = prepare.apply(source.take(self._rows).to(device, torch.float32))
        self._source = source

    def again(self, *, batch_size: int, seed: int, augmenter: Augmenter | None, balanced: bool = False) -> "Feed":
        """A feed of the same samples in another order: what was prepared of them is shared."""
        feed = copy.copy(self)
        feed.stream = Stream(len(self), batch_size, seed, self.target if balanced else None)
        feed._augmenter = augmenter
        return feed

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def batch_size(self) -> int:
        """Samples a step."""
        return self.stream.batch_size

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Input and target of a training step, augmented."""
        indices, _, _ = self.stream.at(step)
        if self._augmenter is None:
            return self._input(indices, None), self._targets(indices)
        draws = Draws(self.stream.seed, self.stream.visits(step), indices.numpy())
        self._augmenter.draw(draws, self._sizes(indices))
        return self._augmenter.mix(self._input(indices, self._augmenter), self._targets(indices), self.num_classes)

    def clean(self, step: int) -> tuple[Tensor, Tensor]:
        """Input and target of a training step as they are, not augmented: what the checks look at."""
        indices, _, _ = self.stream.at(step)
        return self._input(indices, None), self._targets(indices)

    def some(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Input and target of chosen samples of the split, as they are."""
        chosen = torch.as_tensor(indices)
        return self._input(chosen, None), self._targets(chosen)

    def varied(self, indices: Tensor, visit: int) -> Tensor:
        """Input of chosen samples of the split, (n,) int64, as the augmentations make them when they come once more.

        Args:
            indices: Which samples.
            visit: How often they have come before.
        """
        assert self._augmenter is not None, "only a feed that augments can vary its samples"
        draws = Draws(self.stream.seed, np.full(len(indices), visit), indices.numpy())
        self._augmenter.draw(draws, self._sizes(indices))
        return self._input(indices, self._augmenter)

    def passes(self, size: int, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """All samples of the split, or `limit` of them evenly spaced, in batches, as they are."""
        count = len(self) if limit is None else min(limit, len(self))
        chosen = (torch.arange(count, dtype=torch.float64) * (len(self) / count)).long()
        for part in chosen.split(math.ceil(count / math.ceil(count / size))):
            yield self._input(part, None), self._targets(part)

    def _targets(self, indices: Tensor) -> Tensor:
        return self.target.index_select(0, indices.to(self._device) if self._device.type != "cpu" else indices)

    def _sizes(self, indices: Tensor) -> Tensor | None:
        """Height and width of the photos, (n, 2) int64; None for images of one size."""
        if not isinstance(self._source, PhotoSource):
            return None
        rows, photos = self._rows.index_select(0, indices).numpy(), self._source.photos
        return torch.from_numpy(np.stack((photos.heights[rows], photos.widths[rows]), axis=1))

    def _input(self, indices: Tensor, augmenter: Augmenter | None) -> Tensor:
        if self._ready is not None:
            return self._ready.index_select(0, indices if self._device.type == "cpu" else indices.to(self._device))
        rows = self._rows.index_select(0, indices)
        if augmenter is not None and isinstance(self._source, PhotoSource):
            x = augmenter.crops(self._source.photos, rows)
        else:
            x = self._source.take(rows)
        if self._device.type == "cuda" and x.device.type == "cpu":
            x = x.pin_memory().to(self._device, non_blocking=True)
        if not self._images:
            return x if self._prepare is None else self._prepare.apply(x.to(torch.float32))
        x = x if augmenter is None else augmenter.pixels(x)
        values = x.to(torch.float32)
        values = values if self._prepare is None else self._prepare.apply(values)
        return values.permute(0, 3, 1, 2) if values.dim() == 4 else values  # a projection makes rows of images
