"""Which size and how many channels the images of a folder are brought to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainwell.data.images import Frame, Header, is_grey, read_header, strict_decoding
from trainwell.errors import BadData

SAMPLE = 1_000  # headers read, evenly spaced, to choose
SMALL_SIDE = 64  # up to here images keep their size, or near it
LARGE_SIZE = 128  # photos: what a CPU trains in minutes; `image_size` asks for more
SMALL_PIXELS = 128 * 128  # under this a decoder holds the interpreter's lock for most of its time


@dataclass(frozen=True)
class Wanted:
    """What was asked for; None leaves it to the files. Part of the cache's key.

    Args:
        height: In pixels.
        width: In pixels.
        channels: 1 or 3.
    """

    height: int | None = None
    width: int | None = None
    channels: int | None = None

    @classmethod
    def of(cls, image_size: int | None, like: Mapping[str, Any] | None) -> "Wanted":
        """From the square size asked for and the `decoding` of an earlier run."""
        size = like["size"] if like else (None, None)
        height, width = (image_size, image_size) if image_size is not None else size
        return cls(height, width, like["channels"] if like else None)


@dataclass(frozen=True)
class Survey:
    """The frame chosen, and what the headers said.

    Args:
        frame: What every image is brought to.
        num_pixels: Median number of pixels of a file.
    """

    frame: Frame
    num_pixels: int

    def num_threads(self, available: int) -> int:
        """How many threads decode such files fastest.

        Measured on 2 cores: files of 32 x 32 go at 12,300 images/s with one thread and 7,000 with two.
        """
        return available if self.num_pixels > SMALL_PIXELS else 1


def survey(paths: Sequence[str], wanted: Wanted, threads: int) -> Survey:
    """Read up to `SAMPLE` headers and choose.

    Images of one size with a long side of up to 64 keep it. Other small ones (median short side up to 64) become
    squares of the median short side, larger ones of 128. They have one channel where most are grey, else three.

    Raises:
        BadData: None of the headers can be read.
    """
    picked = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), SAMPLE)).astype(int))
    with strict_decoding(), ThreadPoolExecutor(threads) as pool:
        headers = [header for header in pool.map(lambda i: _header(paths[i]), picked) if header is not None]
    if not headers:
        raise BadData(
            f"None of {len(picked):,} files looked at can be read as an image. "
            "Expected jpg, png, webp, bmp, gif or tiff."
        )
    height, width = _size(Counter(header.size for header in headers), headers)
    if wanted.height is not None and wanted.width is not None:
        height, width = wanted.height, wanted.width
    num_grey = sum(is_grey(header.mode) for header in headers)
    channels = wanted.channels or (1 if 2 * num_grey > len(headers) else 3)
    num_pixels = int(np.median([header.size[0] * header.size[1] for header in headers]))
    return Survey(Frame(height, width, channels), num_pixels)


def _header(path: str) -> Header | None:
    try:
        return read_header(path)
    except BadData:
        return None  # said when it is decoded


def _size(sizes: Counter[tuple[int, int]], headers: Sequence[Header]) -> tuple[int, int]:
    width, height = next(iter(sizes))
    if len(sizes) == 1 and max(width, height) <= SMALL_SIDE:
        return height, width
    short = int(np.median([min(header.size) for header in headers]))
    return (short, short) if short <= SMALL_SIDE else (LARGE_SIZE, LARGE_SIZE)
