"""Folders that are made once: found again by key, made by one process at a time, complete or not there at all."""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import platformdirs

from trainwell.errors import StorageFailed

T = TypeVar("T")
VARIABLE = "TRAINWELL_CACHE"


def cache_root(folder: Path | None) -> Path:
    """The folder given, else that of the environment variable TRAINWELL_CACHE, else the user's cache folder."""
    if folder is not None:
        return Path(folder).expanduser()
    moved = os.environ.get(VARIABLE)
    return Path(moved).expanduser() if moved else Path(platformdirs.user_cache_dir("trainwell"))


def kept(
    root: Path, key: str, load: Callable[[Path], T | None], make: Callable[[Path], None], waiting: Callable[[], None]
) -> T:
    """Load `root/key`, made first where it is missing or damaged.

    It is made in a temporary folder beside it and renamed when complete, so that a kill leaves nothing half-made under
    its name. A second process waits for the first.

    Args:
        root: Where the cache is; made if need be.
        key: Name of the folder.
        load: Reads a folder; None where it is missing, damaged or out of date.
        make: Fills an empty folder.
        waiting: Called once before waiting for another process.

    Raises:
        StorageFailed: The cache cannot be written.
    """
    found = load(root / key)
    if found is not None:
        return found
    with storage_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / f"{key}.lock", waiting):
            found = load(root / key)
            if found is not None:
                return found
            for left in root.glob(f"{key}.*.part"):  # of a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            fresh = Path(tempfile.mkdtemp(prefix=f"{key}.", suffix=".part", dir=root))
            try:
                make(fresh)
                shutil.rmtree(root / key, ignore_errors=True)
                fresh.rename(root / key)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    found = load(root / key)
    if found is None:
        raise StorageFailed(f"What was just written to {root / key} does not read back: the disk may be failing.")
    return found


@contextlib.contextmanager
def storage_errors(root: Path) -> Iterator[None]:
    """Turn what a full or write-protected disk raises into `StorageFailed`."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        todo = "Free some space" if full else "Make it writable"
        raise StorageFailed(
            f"The cache in {root} cannot be written: {error.strerror}. {todo}, "
            f"or choose another folder with --cache DIR or {VARIABLE}."
        ) from error


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    with open(path, "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file unlocks it
