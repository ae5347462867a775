"""What came to be predicted, told from its type and, for paths, from the run: one door to the chunks."""

import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from PIL import Image

from trainwell.data.columns import is_frame
from trainwell.data.dataset import Quarantined, listed, shown
from trainwell.data.tables import SUFFIXES
from trainwell.errors import BadData
from trainwell.method.samples.chunk import Chunk
from trainwell.method.samples.images import chunks_of_arrays, chunks_of_files, chunks_of_pictures
from trainwell.method.samples.own import chunks_of_own
from trainwell.method.samples.tables import chunks_of_frame, chunks_of_table_files, frame_of, named

_ARRAY_SUFFIXES = (".npz", ".npy")
_TRAINED_ON = {"images": "images", "table": "a table", "own": "a data set of one's own"}


def chunks(
    given: Any, description: Mapping[str, Any], *, width: int, short_side: int | None, batch: int
) -> Iterator[Chunk]:
    """Samples as a run reads them, chunk after chunk.

    Args:
        given: Paths of files and folders, one or many; or what lies in memory: arrays, tensors, images, tables.
        description: The content of the run's `best/model.json`.
        width: Columns of the table that the run was trained on.
        short_side: Short side at which photos are to be kept whole; None as the run does.
        batch: Samples in a chunk, at most.

    Raises:
        BadData: Nothing came, or it does not fit the run.
    """
    decoding = description["decoding"]
    given = list(given) if isinstance(given, Iterator | tuple) else given
    if isinstance(given, list) and not given:
        raise BadData("Nothing came to be predicted: the list is empty.")
    paths = _paths(given)
    if paths is not None:
        yield from _chunks_of_paths(paths, description, width, short_side, batch)
    elif description["kind"] == "table":
        yield from chunks_of_frame(frame_of(given, decoding, width), decoding, batch)
    elif description["kind"] == "own":
        yield from chunks_of_own(given, description, batch)
    elif is_frame(given) or isinstance(given, Mapping):
        raise BadData("The input is a table, and the model was trained on images.")
    else:
        pictures = [given] if isinstance(given, Image.Image) else given
        if isinstance(pictures, list) and all(isinstance(each, Image.Image) for each in pictures):
            yield from chunks_of_pictures(pictures, decoding, short_side, batch)
        else:
            yield from chunks_of_arrays(given, decoding, batch)


def _paths(given: Any) -> list[str] | None:
    """The paths, where that is what came."""
    if isinstance(given, str | os.PathLike):
        given = [given]
    if isinstance(given, list) and all(isinstance(each, str | os.PathLike) for each in given):
        return [os.path.expanduser(os.fspath(each)) for each in given]
    return None


def _chunks_of_paths(
    paths: Sequence[str], description: Mapping[str, Any], width: int, short_side: int | None, batch: int
) -> Iterator[Chunk]:
    """Files of several kinds may come together, in the order in which they were given."""
    if not any(os.path.lexists(path) for path in paths):
        raise BadData(f"There is no file or folder {listed([shown(path) for path in paths])}.")
    kind, decoding = description["kind"], description["decoding"]
    for what, same in groupby(paths, _kind_of):
        group = list(same)
        if what == "array":
            for path in group:
                yield from _chunks_of_array_file(path, description, width, batch)
        elif what == "table" and kind == "table":
            yield from chunks_of_table_files(group, decoding, batch)
        elif what == "file" and kind == "images":
            yield from chunks_of_files(group, decoding, short_side, batch)
        else:
            found = {"table": "a table", "file": "no table or array"}[what]
            expected = {"table": ", ".join((*SUFFIXES, ".npz")), "own": ".npz with x", "images": "images"}[kind]
            raise BadData(
                f"{shown(group[0])} is {found}, and the model was trained on {_TRAINED_ON[kind]}. Expected {expected}."
            )


def has_rows(paths: Sequence[str]) -> bool:
    """Whether some of the paths hold several samples each, whose rows are numbered."""
    return any(_kind_of(path) != "file" for path in paths)


def _kind_of(path: str) -> str:
    suffix = os.path.splitext(path)[1].lower()
    if os.path.isdir(path) or suffix not in (*SUFFIXES, *_ARRAY_SUFFIXES):
        return "file"
    return "table" if suffix in SUFFIXES else "array"


def _chunks_of_array_file(path: str, description: Mapping[str, Any], width: int, batch: int) -> Iterator[Chunk]:
    kind, decoding = description["kind"], description["decoding"]
    try:
        x = _stored_array(path)
    except BadData:
        raise
    except (OSError, zipfile.BadZipFile, EOFError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        yield Chunk((), None, 0, broken=(Quarantined(shown(path), f"cannot be read as an array: {reason}"),))
        return
    if kind == "own":
        yield from chunks_of_own(x, description, batch, file=path)
    elif kind == "images":
        yield from chunks_of_arrays(x, decoding, batch, file=path)
    elif x.ndim != 2:
        raise BadData(f"{shown(path)}: x has shape {x.shape}, and the model was trained on a table (N, F).")
    else:
        frame = named(x, [state["name"] for state in decoding["columns"]], width, shown(path))
        yield from chunks_of_frame(frame, decoding, batch, file=path)


def _stored_array(path: str) -> np.ndarray:
    """The array of an `.npy` file, or `x_test` or `x` of an `.npz` file."""
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        return found
    with found:
        name = next((name for name in ("x_test", "x") if name in found), None)
        if name is None:
            raise BadData(f"{shown(path)} holds {listed(sorted(found), 10) or 'nothing'}. Expected x (or x_test).")
        return np.asarray(found[name])
