"""Many image files -> one file of uint8 pixels, memory-mapped, with an index beside it.

A cached folder holds:

    pixels.u8     N x H x W x C bytes, one image after the other
    index.npz     rows, digests, modes, sizes: see `Pixels`
    index.json    frame, number of images, what was set aside, checksum of index.npz; written last
"""

import hashlib
import io
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainwell.data.cache import write_synced
from trainwell.data.frames import Wanted, survey
from trainwell.data.images import UNREADABLE, Decoded, Frame, read_image, strict_decoding
from trainwell.errors import BadData, StorageFailed

VERSION = 1
_CHUNK_BYTES = 2**22
_CHECKED_ROWS = 500  # looked at when a cache is opened: a torn write leaves runs of zeros
_CHECKED_BYTES = 2**24
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Pixels:
    """Decoded files.

    Args:
        x: Images, uint8 (N, H, W, C), read-only and memory-mapped.
        rows: Position of each image in the list of M files, (N,) int64, ascending.
        digests: Equal where the pixels are, (N,) uint64.
        modes: Mode of each file as Pillow calls it, (N,).
        sizes: Width and height of each file, (N, 2) int32.
        broken: Position and reason of each file that was set aside.
    """

    x: np.ndarray
    rows: np.ndarray
    digests: np.ndarray
    modes: np.ndarray
    sizes: np.ndarray
    broken: tuple[tuple[int, str], ...]


def write_pixels(folder: Path, paths: Sequence[str], wanted: Wanted, threads: int | None, progress: Progress) -> None:
    """Decode M files into `folder`, holding a few chunks in memory at a time.

    Raises:
        BadData: No file can be decoded.
        StorageFailed: They do not fit on the disk.
        OSError: Writing failed.
    """
    cores = threads or num_cores()
    surveyed = survey(paths, wanted, cores)
    frame = surveyed.frame
    image_bytes = int(np.prod(frame.shape))
    _refuse_full_disk(folder, image_bytes * len(paths))
    size = max(1, min(256, _CHUNK_BYTES // image_bytes))
    workers = threads or surveyed.num_threads(cores)
    found: list[tuple[int, int, str, tuple[int, int]]] = []
    broken: list[tuple[int, str]] = []
    with open(folder / "pixels.u8", "wb") as file:
        for start, images in _decoded(paths, frame, size, workers):
            for position, image in enumerate(images, start):
                if isinstance(image, str):
                    broken.append((position, image))
                else:
                    file.write(image.pixels.data)
                    found.append((position, pixel_digest(image.pixels), image.mode, image.size))
            progress(start + len(images), len(paths), "reading images")
        file.flush()
        os.fsync(file.fileno())
    if not found:
        raise BadData(f"None of {len(paths):,} files can be read as an image; the first: {broken[0][1]}.")
    rows, digests, modes, sizes = zip(*found, strict=True)
    packed = io.BytesIO()
    np.savez(
        packed,
        rows=np.array(rows, np.int64),
        digests=np.array(digests, np.uint64),
        modes=np.array(modes, str),
        sizes=np.array(sizes, np.int32),
    )
    write_synced(folder / "index.npz", packed.getvalue())
    index = {
        "version": VERSION,
        "shape": [len(found), *frame.shape],
        "broken": broken,
        "checksum": hashlib.blake2b(packed.getvalue(), digest_size=16).hexdigest(),
    }
    write_synced(folder / "index.json", json.dumps(index).encode())


def load_pixels(folder: Path, path: Callable[[int], str]) -> Pixels | None:
    """What `write_pixels` wrote; None where it is missing, incomplete, damaged, or a file has become readable.

    Args:
        folder: Where it was written.
        path: Path of a file by its position.
    """
    try:
        index = json.loads((folder / "index.json").read_bytes())
        packed = (folder / "index.npz").read_bytes()
        checksum = hashlib.blake2b(packed, digest_size=16).hexdigest()
        shape = tuple(index["shape"])
        whole = (folder / "pixels.u8").stat().st_size == np.prod(shape, dtype=np.int64)
        if index["version"] != VERSION or checksum != index["checksum"] or not whole:
            return None
        arrays = np.load(io.BytesIO(packed), allow_pickle=False)
        broken = tuple((int(position), str(reason)) for position, reason in index["broken"])
        x = np.memmap(folder / "pixels.u8", np.uint8, "r", shape=shape)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    pixels = Pixels(x, arrays["rows"], arrays["digests"], arrays["modes"], arrays["sizes"], broken)
    mended = any(_readable(path(position)) for position, reason in broken if reason.startswith(UNREADABLE))
    return None if mended or not _sound(pixels) else pixels


def pixel_digest(pixels: np.ndarray) -> int:
    """64 bits that are equal where the pixels of two images of one shape are."""
    return int.from_bytes(hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=8).digest(), "little")


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _readable(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


def _sound(pixels: Pixels) -> bool:
    num_checked = max(2, min(_CHECKED_ROWS, _CHECKED_BYTES // int(np.prod(pixels.x.shape[1:]))))
    picked = np.unique(np.linspace(0, len(pixels.x) - 1, num_checked).astype(int))
    return all(pixel_digest(pixels.x[row]) == pixels.digests[row] for row in picked)


def _refuse_full_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageFailed(
            f"The cache in {folder.parent} needs {needed / 2**20:,.0f} MiB and {free / 2**20:,.0f} MiB are free. "
            "Free some space, or choose another folder with --cache DIR or TRAINWELL_CACHE."
        )


def _decoded(paths: Sequence[str], frame: Frame, size: int, threads: int) -> Iterator[tuple[int, list[Decoded | str]]]:
    """Chunks of images in order, each with the position of its first; a reason stands for a broken one."""
    starts = range(0, len(paths), size)
    if threads == 1:
        with strict_decoding():
            for start in starts:
                yield start, _decode(paths[start : start + size], frame)
        return
    with strict_decoding(), ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[int, Future[list[Decoded | str]]]] = deque()
        try:
            for start in starts:
                waiting.append((start, pool.submit(_decode, paths[start : start + size], frame)))
                if len(waiting) > 2 * threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode(paths: Sequence[str], frame: Frame) -> list[Decoded | str]:
    images: list[Decoded | str] = []
    for path in paths:
        try:
            images.append(read_image(path, frame))
        except BadData as error:
            images.append(str(error))
    return images
