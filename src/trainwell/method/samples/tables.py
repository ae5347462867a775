"""Rows of a table, in files or in memory -> chunks of features, encoded as the run's training rows were."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.data.arrays import as_array
from trainwell.data.columns import encode, is_frame, polars_frame, surprises
from trainwell.data.dataset import Quarantined, count, listed, shown
from trainwell.data.tables import read_table
from trainwell.errors import BadData
from trainwell.method.samples.chunk import Chunk, slices


def chunks_of_table_files(paths: Sequence[str], decoding: Mapping[str, Any], batch: int) -> Iterator[Chunk]:
    """The rows of tables; one of them has to fit into memory.

    Raises:
        BadData: A table lacks columns of the model, or holds words where numbers were learnt.
    """
    for path in paths:
        try:
            frame, _, notes = read_table(Path(path))
        except BadData as error:
            broken = Quarantined(shown(path), str(error).removeprefix(f"{path} ").rstrip("."))
            yield Chunk((), None, 0, broken=(broken,))
            continue
        yield from chunks_of_frame(frame, decoding, batch, file=path, notes=tuple(notes))


def chunks_of_frame(
    frame: pl.DataFrame,
    decoding: Mapping[str, Any],
    batch: int,
    *,
    file: str | None = None,
    notes: tuple[str, ...] = (),
) -> Iterator[Chunk]:
    """The rows of a frame of polars.

    Raises:
        BadData: It lacks columns of the model, holds words where numbers were learnt, or has no rows.
    """
    columns, what = decoding["columns"], "the table" if file is None else shown(file)
    if frame.height == 0:
        raise BadData(f"{what} has no rows.")
    try:
        features = encode(frame, columns)
    except BadData as error:
        raise error if file is None else BadData(f"{what}: {error}") from error
    known = {state["name"] for state in columns}
    target = decoding.get("target")
    extra = [name for name in frame.columns if name not in known and name != target]
    said = [f"column {target!r}, the target, is not looked at"] if target in frame.columns else []
    said += [f"{count(len(extra), 'column')} that the model does not use: {listed(extra, 10)}"] if extra else []
    said += surprises(frame, columns)
    yield from slices(features, batch, file=file, notes=(*notes, *(f"{what}: {line}" for line in said)))


def frame_of(given: Any, decoding: Mapping[str, Any], width: int) -> pl.DataFrame:
    """A frame of polars from one of pandas, a mapping of columns, rows that are mappings, or an array (N, F).

    Args:
        given: It.
        decoding: How the run reads tables.
        width: Columns of the table that the run was trained on.

    Raises:
        BadData: It is none of these, or an array of another width.
    """
    names = [state["name"] for state in decoding["columns"]]
    try:
        if is_frame(given):
            return polars_frame(given)
        if isinstance(given, Mapping):
            return pl.DataFrame({str(name): _cells(values) for name, values in given.items()}, strict=False)
        if isinstance(given, Sequence) and given and all(isinstance(row, Mapping) for row in given):
            return pl.DataFrame(list(given), infer_schema_length=None, strict=False)
        x = as_array(given)
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
        raise BadData(f"The input is no table: {str(error).partition(chr(10))[0]}. Expected {_EXPECTED}.") from error
    x = x[None] if x.ndim == 1 else x
    if x.ndim != 2 or x.dtype.kind not in "biufUO":
        raise BadData(f"The input has shape {x.shape} and type {x.dtype}. Expected {_EXPECTED}.")
    return named(x, names, width, "the input")


def named(x: np.ndarray, names: Sequence[str], width: int, what: str) -> pl.DataFrame:
    """The columns of an array, (N, F), under the names of the model's columns, in their order.

    Columns of a run that was trained on an array are called x0, x1, ...; all of its columns may be there, too, those
    that it dropped among them.

    Raises:
        BadData: The array has another number of columns.
    """
    numbered = all(name[:1] == "x" and name[1:].isdecimal() for name in names)
    if x.shape[1] != len(names) and not (numbered and x.shape[1] == width):
        raise BadData(
            f"{what} has {count(x.shape[1], 'feature')}, and the model takes {len(names)}, in this order: "
            f"{listed(list(names), 20)}."
        )
    chosen = [int(name[1:]) for name in names] if x.shape[1] != len(names) else range(len(names))
    columns = [np.ascontiguousarray(x[:, k]) if x.dtype.kind in "biuf" else x[:, k].tolist() for k in chosen]
    return pl.DataFrame(dict(zip(names, columns, strict=True)), strict=False)


_EXPECTED = "a frame of pandas or polars, a mapping of columns, rows that are mappings, or an array (N, F)"


def _cells(values: Any) -> list[Any]:
    """The cells of a column; a single value is a column of one."""
    if isinstance(values, str | bytes) or values is None or np.ndim(values) == 0:
        return [values]
    return as_array(values).tolist() if hasattr(values, "dtype") else list(values)
