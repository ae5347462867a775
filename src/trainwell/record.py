"""The run folder, written and read: its files, its lock, its record.

    recipe.json  environment.json  data.json  record.jsonl  checkpoint.safetensors  best/  findings.json

Every file is replaced atomically: it is written beside its place, flushed to the disk and renamed, so that a kill or a
full disk leaves the last good one. A record line is one flat JSON object with a `kind`.
"""

import contextlib
import errno
import fcntl
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from trainwell.errors import BadRun, StorageFailed

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
RECIPE, ENVIRONMENT, DATA, FINDINGS = "recipe.json", "environment.json", "data.json", "findings.json"
RECORD, CHECKPOINT, SAMPLES = "record.jsonl", "checkpoint.safetensors", "samples.safetensors"
VALIDATION, MISTAKES, INPUTS, REPORT = "validation.json", "mistakes.png", "inputs.png", "report.html"
EVENTS = "tensorboard"  # a folder
LOCK = ".lock"
BEST_WEIGHTS, BEST_MODEL, BEST_PREPROCESSING = (
    f"best/{name}" for name in ("model.safetensors", "model.json", "preprocessing.safetensors")
)
_TRIES, _PAUSE = 4, 0.05  # of taking the lock, in seconds
_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


class RunFolder:
    """A run on disk. Reading needs no lock; `locked` is held by the one process that trains.

    Args:
        path: The folder; it is made when it is first written to.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def exists(self) -> bool:
        """Whether the folder holds a run."""
        return (self.path / RECIPE).exists()

    def has(self, name: str) -> bool:
        """Whether the run has this file."""
        return (self.path / name).exists()

    def refuse_if_no_folder(self) -> None:
        """Raise `BadRun` where a file stands in the place of the folder, or of one above it."""
        taken = next((place for place in (self.path, *self.path.parents) if place.exists()), None)
        if taken is not None and not taken.is_dir():
            raise BadRun(f"{self.path} cannot be a run folder: {taken} is a file. Give another --out.")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run folder; raises `BadRun` where another process holds it. Freed by the kernel on any exit."""
        with storing(self.path):
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise BadRun(f"{self.path} cannot be made: a file is in the way. Give another --out.") from error
            handle = open(self.path / LOCK, "a")  # noqa: SIM115  (held until the end of the block)
        with handle:
            if not _taken(handle):
                raise BadRun(
                    f"{self.path} is in use by another process that trains in it. "
                    "Wait for it, stop it, or give another --out."
                )
            yield

    @property
    def held(self) -> bool:
        """Whether somebody trains in the folder."""
        try:
            handle = open(self.path / LOCK, "rb")  # noqa: SIM115
        except OSError:
            return False
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def clear(self) -> None:
        """Remove what a run has written, and nothing else that lies in the folder."""
        own = (RECIPE, ENVIRONMENT, DATA, FINDINGS, RECORD, CHECKPOINT, SAMPLES, VALIDATION, MISTAKES, INPUTS, REPORT)
        for name in own:
            (self.path / name).unlink(missing_ok=True)
        for name in ("best", EVENTS):
            shutil.rmtree(self.path / name, ignore_errors=True)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file of the run, with the format version in front; see `finite`."""
        text = json.dumps(finite({"format": FORMAT, **content}), indent=1, default=_plain) + "\n"

        def write(temporary: Path) -> None:
            temporary.write_text(text, encoding="utf-8")

        replace(self.path / name, write)

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file of the run; raises `BadRun` where it is missing, torn, or of a newer format."""
        path = self.path / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadRun(
                f"{self.path} is not a finished run: it has no {name}. Expected a folder made by 'trainwell fit'."
            ) from error
        except (ValueError, NotADirectoryError) as error:
            raise BadRun(f"{path} cannot be read ({error}). Expected the JSON that 'trainwell fit' wrote.") from error
        _refuse_newer(path, content.get("format", 0))
        return content

    def write_tensors(self, name: str, tensors: Mapping[str, "Tensor"], state: Mapping[str, Any]) -> None:
        """Write tensors and their plain state as one file, the state as JSON in the metadata."""
        from safetensors.torch import save_file  # imports torch, which whoever only reads the record does without

        metadata = {"format": str(FORMAT), "state": json.dumps(state, default=_plain)}
        flat = {key: value.detach().contiguous() for key, value in tensors.items()}

        def write(temporary: Path) -> None:
            save_file(flat, temporary, metadata=metadata)

        replace(self.path / name, write)

    def read_tensors(self, name: str) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
        """Read a file of `write_tensors`: the tensors on the CPU and the state."""
        path = self.path / name
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise BadRun(f"{path} cannot be read ({error}). Expected weights that 'trainwell fit' wrote.") from error
        _refuse_newer(path, metadata.get("format", 0))
        return tensors, json.loads(metadata.get("state", "{}"))


class Record:
    """The record of a run, written line by line.

    Args:
        folder: The run.
        offset: Length in bytes to cut an earlier record back to; what came after the checkpoint is written again.
    """

    def __init__(self, folder: RunFolder, offset: int = 0) -> None:
        self._path = folder.path / RECORD
        with storing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = open(self._path, "ab", buffering=0)  # noqa: SIM115  (closed by `close`)
            self._file.truncate(min(offset, _whole_lines(self._path)))
            self._file.seek(0, os.SEEK_END)

    def add(self, kind: str, **values: Any) -> None:
        """Append one line; numbers that are not finite are written as null."""
        line = (json.dumps(finite({"kind": kind, **values}), default=_plain) + "\n").encode()
        with storing(self._path):
            written = self._file.write(line)
            if written < len(line):
                raise OSError(errno.ENOSPC, f"{written} of {len(line)} bytes were written")

    @property
    def offset(self) -> int:
        """Length of the record in bytes."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_record(path: str | Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The lines of a record, all or of one kind; a torn last line is left out."""
    file = Path(path)
    file = file / RECORD if file.is_dir() else file
    lines = []
    for text in file.read_bytes().split(b"\n")[:-1]:
        line = json.loads(text)
        if kind is None or line["kind"] == kind:
            lines.append(line)
    return lines


def _taken(handle: IO[str]) -> bool:
    """Take the lock; one who looks whether it is held (`RunFolder.held`) has it for an instant, hence a few tries."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return True
    return False


def _refuse_newer(path: Path, found: Any) -> None:
    if str(found).isdigit() and int(found) > FORMAT:
        raise BadRun(f"{path} has format {found}; this version reads up to {FORMAT}. Upgrade trainwell.")


def _whole_lines(path: Path) -> int:
    """Length in bytes without a torn last line: after a power cut a record may be shorter than its checkpoint says."""
    return path.read_bytes().rfind(b"\n") + 1


def replace(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file beside its place, flush it to the disk and rename it there; on failure the old one stays."""
    temporary = path.with_name(path.name + ".tmp")
    with storing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(temporary)
            with open(temporary, "rb") as handle:
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn a failed write into `StorageFailed`, whichever library it came from."""
    try:
        yield
    except SafetensorError as error:
        raise StorageFailed(_storage_message(path, error)) from error
    except OSError as error:
        if error.errno in _FULL or error.errno == errno.EIO:
            raise StorageFailed(_storage_message(path, error)) from error
        raise


def _storage_message(path: Path, error: Exception) -> str:
    return (
        f"Writing {path} failed ({error}). What was saved before is untouched. "
        "Free some space or give another --out; a training then goes on with --resume."
    )


def finite(value: Any) -> Any:
    """The value with None for every float that JSON cannot hold."""
    if isinstance(value, Mapping):
        return {name: finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """JSON for what numpy, torch and pathlib hand out."""
    if hasattr(value, "json"):
        return finite(value.json())
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    return str(value)
