"""Photos of many sizes in one array of bytes, seen from outside as images of one size."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from trainwell.data.cut import cut, middle


class Photos:
    """Whole photos, each of its own height and width.

    To all that reads images it looks like an array of them, uint8 (N, S, S, C): a row is the middle square of a photo,
    scaled to S. What needs more than that, crops and views, takes it from `stored` or by `trainwell.data.cut.cut`.

    Args:
        pixels: All bytes, one photo after the other, uint8 and one-dimensional, possibly a memory map.
        heights: In pixels, (N,) int64.
        widths: In pixels, (N,) int64.
        channels: 1 or 3.
        side: S.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self, pixels: np.ndarray, heights: np.ndarray, widths: np.ndarray, *, channels: int, side: int
    ) -> None:
        self.pixels, self.channels, self.side = pixels, channels, side
        self.heights, self.widths = np.asarray(heights, np.int64), np.asarray(widths, np.int64)
        self._flat = np.asarray(pixels)  # a slice of a map costs several times as much
        self._ends = np.cumsum(self.heights * self.widths * channels)

    @classmethod
    def of(cls, photos: Sequence[np.ndarray], *, side: int) -> "Photos":
        """Photos in memory, each uint8 (H, W, C)."""
        heights, widths = (np.array([photo.shape[axis] for photo in photos], np.int64) for axis in (0, 1))
        pixels = np.concatenate([photo.reshape(-1) for photo in photos])
        return cls(pixels, heights, widths, channels=photos[0].shape[2], side=side)

    def __reduce__(self) -> tuple[Any, ...]:
        """To be sent to other processes: all bytes in memory, once."""
        made = functools.partial(Photos, channels=self.channels, side=self.side)
        return made, (np.asarray(self.pixels), self.heights, self.widths)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, S, S, C)."""
        return (len(self), self.side, self.side, self.channels)

    def __len__(self) -> int:
        return len(self.heights)

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """The middle squares of one photo, (S, S, C), or of several, (n, S, S, C)."""
        chosen = np.arange(len(self))[rows]
        found: np.ndarray = self.squares(chosen.reshape(-1)).numpy()
        return found.reshape(*chosen.shape, *found.shape[1:])

    def squares(self, rows: np.ndarray) -> Tensor:
        """The middle squares of these photos, (n, S, S, C) uint8."""
        return cut(self, rows, middle(self.heights[rows], self.widths[rows]), self.side)

    def stored(self, row: int) -> np.ndarray:
        """A photo as it is kept, (H, W, C) uint8; not to be written to."""
        height, width = int(self.heights[row]), int(self.widths[row])
        end = int(self._ends[row])
        return self._flat[end - height * width * self.channels : end].reshape(height, width, self.channels)
