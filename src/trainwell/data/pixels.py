"""Many image files -> one file of uint8 pixels, memory-mapped, with an index beside it.

A cached folder holds:

    pixels.u8     N x H x W x C bytes, one image after the other; of photos each has its own H and W
    index.npz     rows, digests, modes, sizes: see `Pixels`; of photos also their heights and widths
    index.json    frame, number of images, what was set aside, checksum of index.npz; written last

Nothing waits for the disk, which can take longer than decoding: the index says during which boot of the machine it was
written, and after another one, of which a loss of power may be the reason, every image is compared with its digest,
once. Where boots cannot be told apart, the files are synced.
"""

import contextlib
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
from trainwell.data.frames import Survey, Wanted, survey
from trainwell.data.images import UNREADABLE, Decoded, read_image, read_photo, strict_decoding
from trainwell.data.photos import Photos
from trainwell.errors import BadData, StorageFailed

VERSION = 2
_CHUNK_BYTES = 2**22
_CHECKED_ROWS = 500  # looked at when a cache is opened: a torn write leaves runs of zeros
_CHECKED_BYTES = 2**24
_BOOT = Path("/proc/sys/kernel/random/boot_id")
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Pixels:
    """Decoded files.

    Args:
        x: Images, uint8 (N, H, W, C), or photos, read-only and memory-mapped.
        rows: Position of each image in the list of M files, (N,) int64, ascending.
        digests: Equal where the pixels are, (N,) uint64.
        modes: Mode of each file as Pillow calls it, (N,).
        sizes: Width and height of each file, (N, 2) int32.
        broken: Position and reason of each file that was set aside.
        short_side: Short side at which photos were kept at most; None for images of one size.
    """

    x: np.ndarray | Photos
    rows: np.ndarray
    digests: np.ndarray
    modes: np.ndarray
    sizes: np.ndarray
    broken: tuple[tuple[int, str], ...]
    short_side: int | None


def write_pixels(folder: Path, paths: Sequence[str], wanted: Wanted, threads: int | None, progress: Progress) -> None:
    """Decode M files into `folder`, holding a few chunks in memory at a time.

    Raises:
        BadData: No file can be decoded.
        BadValue: Photos are to be kept at a short side that is of no use.
        StorageFailed: They do not fit on the disk.
        OSError: Writing failed.
    """
    cores = threads or num_cores()
    surveyed = survey(paths, wanted, cores)
    frame = surveyed.frame
    image_bytes = surveyed.kept_pixels * frame.channels
    _refuse_full_disk(folder, image_bytes * len(paths))
    size = max(1, min(256, _CHUNK_BYTES // image_bytes))
    workers = threads or surveyed.num_threads(cores)
    boot = booted()
    found: list[tuple[int, int, str, tuple[int, int], tuple[int, int]]] = []
    broken: list[tuple[int, str]] = []
    with open(folder / "pixels.u8", "wb") as file:
        for start, images in decoded(paths, surveyed, size, workers):
            for position, image in enumerate(images, start):
                if isinstance(image, str):
                    broken.append((position, image))
                else:
                    file.write(image.pixels.data)
                    height, width, _ = image.pixels.shape
                    found.append((position, pixel_digest(image.pixels), image.mode, image.size, (height, width)))
            progress(start + len(images), len(paths), "reading images")
        if boot is None:
            file.flush()
            os.fsync(file.fileno())
    if not found:
        raise BadData(f"None of {len(paths):,} files can be read as an image; the first: {broken[0][1]}.")
    rows, digests, modes, sizes, shapes = zip(*found, strict=True)
    packed = io.BytesIO()
    heights, widths = np.array(shapes, np.int32).T
    np.savez(
        packed,
        rows=np.array(rows, np.int64),
        digests=np.array(digests, np.uint64),
        modes=np.array(modes, str),
        sizes=np.array(sizes, np.int32),
        **({} if surveyed.short_side is None else {"heights": heights, "widths": widths}),
    )
    write = write_synced if boot is None else Path.write_bytes
    write(folder / "index.npz", packed.getvalue())
    index = {
        "version": VERSION,
        "shape": [len(found), *frame.shape],
        "short_side": surveyed.short_side,
        "broken": broken,
        "checksum": hashlib.blake2b(packed.getvalue(), digest_size=16).hexdigest(),
        "boot": boot,
    }
    write(folder / "index.json", json.dumps(index).encode())


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
        if index["version"] != VERSION or checksum != index["checksum"]:
            return None
        arrays = np.load(io.BytesIO(packed), allow_pickle=False)
        broken = tuple((int(position), str(reason)) for position, reason in index["broken"])
        x: np.ndarray | Photos
        if index["short_side"] is None:
            num_bytes = np.prod(shape, dtype=np.int64)
            x = np.memmap(folder / "pixels.u8", np.uint8, "r", shape=shape)
        else:
            num_bytes = np.dot(arrays["heights"].astype(np.int64), arrays["widths"]) * shape[3]
            stored = np.memmap(folder / "pixels.u8", np.uint8, "r", shape=(int(num_bytes),))
            x = Photos(stored, arrays["heights"], arrays["widths"], channels=shape[3], side=shape[1])
        if (folder / "pixels.u8").stat().st_size != num_bytes:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    found = {name: arrays[name] for name in ("rows", "digests", "modes", "sizes")}
    pixels = Pixels(x, **found, broken=broken, short_side=index["short_side"])
    mended = any(_readable(path(position)) for position, reason in broken if reason.startswith(UNREADABLE))
    unsure = index.get("boot") not in (None, booted())
    if mended or not _sound(pixels, len(pixels.x) if unsure else 0):
        return None
    if unsure:
        with contextlib.suppress(OSError):  # in a folder that cannot be written to it is compared again
            checked = folder / f"index.{os.getpid()}"
            write_synced(checked, json.dumps(index | {"boot": None}).encode())
            checked.replace(folder / "index.json")
    return pixels


def pixel_digest(pixels: np.ndarray) -> int:
    """64 bits that are equal where the pixels of two images of one shape are."""
    return int.from_bytes(hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=8).digest(), "little")


def booted() -> str | None:
    """Which boot of the machine this is; None where it does not tell."""
    try:
        return _BOOT.read_text().strip() or None
    except OSError:
        return None


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _readable(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


def _sound(pixels: Pixels, least: int) -> bool:
    """Whether images, evenly spaced and `least` or more where there are as many, are what their digests say."""
    num_bytes = pixels.x.pixels.size if isinstance(pixels.x, Photos) else pixels.x.size
    num_checked = max(2, least, min(_CHECKED_ROWS, _CHECKED_BYTES * len(pixels.x) // num_bytes))
    picked = np.unique(np.linspace(0, len(pixels.x) - 1, num_checked).astype(int))
    stored = pixels.x.stored if isinstance(pixels.x, Photos) else pixels.x.__getitem__
    return all(pixel_digest(stored(row)) == pixels.digests[row] for row in picked)


def _refuse_full_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageFailed(
            f"The cache in {folder.parent} needs {needed / 2**20:,.0f} MiB and {free / 2**20:,.0f} MiB are free. "
            "Free some space, or choose another folder with --cache DIR or TRAINWELL_CACHE."
        )


def decoded(
    paths: Sequence[str], surveyed: Survey, size: int, threads: int
) -> Iterator[tuple[int, list[Decoded | str]]]:
    """Chunks of images in order, each with the position of its first; a reason stands for a broken one."""
    starts = range(0, len(paths), size)
    if threads == 1:
        with strict_decoding():
            for start in starts:
                yield start, _decode(paths[start : start + size], surveyed)
        return
    with strict_decoding(), ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[int, Future[list[Decoded | str]]]] = deque()
        try:
            for start in starts:
                waiting.append((start, pool.submit(_decode, paths[start : start + size], surveyed)))
                if len(waiting) > 2 * threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode(paths: Sequence[str], surveyed: Survey) -> list[Decoded | str]:
    frame, short_side = surveyed.frame, surveyed.short_side
    images: list[Decoded | str] = []
    for path in paths:
        try:
            if short_side is None:
                images.append(read_image(path, frame))
            else:
                images.append(read_photo(path, short_side, frame.channels, frame.fit))
        except BadData as error:
            images.append(str(error))
    return images
