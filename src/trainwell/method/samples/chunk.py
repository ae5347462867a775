"""Some of the samples, in order, and how many go into a chunk."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from trainwell.data.dataset import Quarantined
from trainwell.data.photos import Photos
from trainwell.method.predictions import Origin


@dataclass(frozen=True, eq=False)
class Chunk:
    """Samples as they are stored.

    Args:
        origins: Where each comes from; n of them, perhaps none.
        x: Their values, (n, ...); None where there are none.
        short_side: Short side at which photos are kept whole; None for images of one size and for rows.
        total: Samples in all chunks, broken ones too.
        broken: Files that could not be read since the last chunk.
        notes: What is to be said since the last chunk.
    """

    origins: tuple[Origin, ...]
    x: np.ndarray | Tensor | Photos | None
    total: int
    short_side: int | None = None
    broken: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()


def size_of(count: int, batch: int) -> int:
    """Samples in a chunk where `count` are dealt out evenly, at most `batch` each: as an evaluation deals them out."""
    return math.ceil(count / math.ceil(count / batch)) if count else 1


def slices(
    x: np.ndarray | Tensor, batch: int, *, file: str | None = None, notes: tuple[str, ...] = ()
) -> Iterator[Chunk]:
    """The rows of an array, chunk after chunk; numbered from 1 where they come from a file."""
    size, first = size_of(len(x), batch), 0 if file is None else 1
    for start in range(0, len(x), size):
        rows = range(start, min(start + size, len(x)))
        origins = tuple(Origin(file, row + first) for row in rows)
        yield Chunk(origins, x[start : rows.stop], len(x), notes=notes if start == 0 else ())
