"""What comes out of every reader: arrays, their parts, and what was found on the way."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Quarantined:
    """A file that was set aside.

    Args:
        path: Relative to the source.
        reason: In words.
    """

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Data:
    """A data set ready for training.

    Args:
        x: Images as uint8 (N, H, W, C), read-only and memory-mapped where they come from files, or `Photos` that pass
            for them; a table as float32 (N, F), encoded and not yet standardised.
        y: Class indices, int64 (N,), or regression targets, float32 (N,) or (N, K).
        kind: `images` or `table`.
        task: `classification` or `regression`.
        classes: Names in the order of the indices; empty for regression.
        splits: Row indices, int64 and ascending, by part: `train`, `valid` and, for small tables, `heldout`; or `test`;
            or `all`. A row may be in no part.
        fingerprint: Changes with the content, the labels and the way of reading.
        source: What the user gave.
        quarantined: Files set aside, with the reason.
        decoding: Plain JSON: all it takes to read new data alike; given back to `open_data` as `like`.
        facts: Plain JSON: what was found, for `data.json`.
        notes: The same in words, one line each, for the screen.
        names: File of each row, relative to the source; empty where rows are not files.
    """

    x: np.ndarray
    y: np.ndarray
    kind: str
    task: str
    classes: tuple[str, ...]
    splits: Mapping[str, np.ndarray]
    fingerprint: str
    source: str
    quarantined: tuple[Quarantined, ...]
    decoding: dict[str, Any]
    facts: dict[str, Any]
    notes: tuple[str, ...]
    names: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """The content of `data.json`: plain JSON."""
        return {
            "version": FORMAT_VERSION,
            "source": self.source,
            "fingerprint": self.fingerprint,
            "kind": self.kind,
            "task": self.task,
            "shape": list(getattr(self.x, "shape", (len(self.x),))),  # a data set of one's own tells no more
            "classes": list(self.classes),
            "splits": {name: {"rows": len(rows), "digest": digest(rows)} for name, rows in self.splits.items()},
            "quarantined": [{"path": q.path, "reason": q.reason} for q in self.quarantined],
            "decoding": self.decoding,
            "facts": self.facts,
            "notes": list(self.notes),
        }


def digest(*contents: np.ndarray | str) -> str:
    """32 hex digits that change with any of the contents, or with an array's type or shape."""
    state = hashlib.blake2b(digest_size=16)
    for content in contents:
        if isinstance(content, str):
            state.update(f"{len(content)}:".encode() + content.encode("utf-8", "surrogateescape"))
        else:
            state.update(f"{content.dtype.str}{content.shape}".encode())
            state.update(np.ascontiguousarray(content).data)
    return state.hexdigest()


def sample_digests(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A number a sample, (n,) int64: equal where the stored values are."""
    found = [hashlib.blake2b(np.ascontiguousarray(x[row]).data, digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(found), dtype=np.int64)


def shown(name: str) -> str:
    """A file name that can be printed: bytes that are no text are written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 row`, `2,000 rows`, `3 classes`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: list[str] | tuple[str, ...], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
