"""Tables in files or in memory -> `Data`."""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.data.columns import encode, feature_names, fit_columns
from trainwell.data.dataset import Data, count, digest, listed
from trainwell.data.partition import partition
from trainwell.data.targets import Target, class_facts, read_target, refuse_unlearnable
from trainwell.errors import BadData, nearest

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
MIN_ROWS = 4


def open_table_file(
    path: Path,
    *,
    target: str | None,
    parts: str,
    like: Mapping[str, Any] | None,
    seed: int,
    valid_fraction: float | None,
) -> Data:
    """Read a table as `open_data` describes it; the file has to fit into memory.

    Raises:
        BadData: The file cannot be read, the target is missing, or nothing can be learnt from the rows.
    """
    frame, content, notes = read_table(path)
    if target is None and like is not None:
        target = like["target"]
    name = _target_name(frame, target, path)
    values, dropped = _target_values(frame[name])
    if dropped.any():
        notes.append(f"{count(int(dropped.sum()), 'row')} without a value of {name!r} left out")
        frame = frame.filter(~pl.Series(dropped))
    if frame.height == 0:
        raise BadData(f"{path} has no row with a value of {name!r}.")
    if like is None and values.dtype.kind == "U" and len(np.unique(values)) > max(20, len(values) // 2):
        raise BadData(
            f"Target {name!r} of {path} has {len(np.unique(values)):,} different words in {len(values):,} rows. "
            "Expected a class that many rows share, or a number."
        )
    return table_data(
        frame.drop(name),
        read_target(values, name=f"target {name!r}", like=like),
        source=str(path),
        target_name=name,
        parts=parts,
        like=like,
        seed=seed,
        valid_fraction=valid_fraction,
        given=None,
        content=content,
        notes=notes,
    )


def table_data(
    frame: pl.DataFrame,
    target: Target,
    *,
    source: str,
    target_name: str | None = None,
    parts: str,
    like: Mapping[str, Any] | None,
    seed: int,
    valid_fraction: float | None,
    given: np.ndarray | None,
    content: str,
    notes: list[str],
    keep_columns: bool = False,
) -> Data:
    """Split, encode and describe a table whose target is already known.

    Args:
        frame: The columns to learn from.
        target: Their targets.
        source: What the user gave.
        target_name: Column of the target, where it has one.
        parts: As in `open_data`.
        like: As in `open_data`.
        seed: Seed of the split.
        valid_fraction: As in `open_data`.
        given: `train` or `valid` by row, where the source says it.
        content: Changes with the content of the source.
        notes: What was said so far.
        keep_columns: Keep columns that cannot help, see `fit_columns`.

    Raises:
        BadData: Nothing can be learnt from the rows, or they do not fit `like`.
    """
    y, task = target.y, target.task
    if parts == "fit":
        _refuse_table(target, given, source)
    digests = _row_digests(frame, y)
    dealt = partition(
        y,
        digests,
        task=task,
        kind="table",
        parts=parts,
        given=given,
        seed=seed,
        valid_fraction=valid_fraction,
        name=lambda row: f"row {row + 1}",
    )
    column_notes: list[str] = []
    if like is None:
        learnt = dealt.splits["train"] if parts == "fit" else np.arange(len(y))
        columns, column_notes = fit_columns(frame[learnt], keep=keep_columns)
    else:
        columns = list(like["columns"])
    x = encode(frame, columns)
    facts: dict[str, Any] = {"columns": len(frame.columns), "features": feature_names(columns)}
    class_notes: list[str] = []
    if task == "classification":
        more, class_notes = class_facts(y, target.classes, dealt.splits)
        facts |= more
    elif parts == "fit":
        facts["target"] = _spread(y[dealt.splits["train"]])
    return Data(
        x=x,
        y=y,
        kind="table",
        task=task,
        classes=target.classes,
        splits=dealt.splits,
        fingerprint=digest(content, y, "\0".join([*frame.columns, *target.classes])),
        source=source,
        quarantined=(),
        decoding={
            "kind": "table",
            "task": task,
            "target": target_name,
            "classes": list(target.classes),
            "columns": columns,
        },
        facts=facts | dealt.facts,
        notes=(
            f"{count(len(y), 'row')}, {count(len(frame.columns), 'column')}, {count(x.shape[1], 'feature')}",
            target.note,
            *notes,
            *column_notes,
            *class_notes,
            *dealt.notes,
        ),
    )


def read_table(path: Path) -> tuple[pl.DataFrame, str, list[str]]:
    """The table, a digest of the file, and what was unusual.

    Raises:
        BadData: The file cannot be read as a table, or has no rows.
    """
    notes: list[str] = []
    try:
        content = path.read_bytes()
        if path.suffix.lower() in (".parquet", ".pq"):
            frame = pl.read_parquet(io.BytesIO(content))
        else:
            frame = _read_text(content, path, notes)
    except (pl.exceptions.PolarsError, UnicodeError) as error:
        line = str(error).strip().partition("\n")[0]
        raise BadData(
            f"{path} cannot be read as a table: {line}. Expected a header line and the same columns in each row."
        ) from error
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror or error}.") from error
    if frame.height == 0:
        raise BadData(f"{path} has a header and no rows.")
    names = [name.strip() for name in frame.columns]
    if len(set(names)) == len(names):
        frame.columns = names
    return frame, digest(np.frombuffer(content, np.uint8)), notes


def _read_text(content: bytes, path: Path, notes: list[str]) -> pl.DataFrame:
    if not content.strip():
        raise BadData(f"{path} is empty. Expected a header line and rows.")
    text, encoding = _decoded(content)
    if encoding != "UTF-8":
        notes.append(f"text read as {encoding}")
    sample = text[:65536]
    separator = _separator(sample.partition("\n")[0])
    decimal_comma = separator != "," and bool(re.search(r"\d,\d", sample)) and not re.search(r"\d\.\d", sample)
    if separator != ",":
        notes.append(f"columns separated by {separator!r}" + (", decimal commas" if decimal_comma else ""))
    frame = pl.read_csv(
        io.BytesIO(text.encode()),
        separator=separator,
        decimal_comma=decimal_comma,
        infer_schema_length=None,
        try_parse_dates=True,
        null_values=["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"],
    )
    # In cells polars makes one quote of two, in the names of columns it does not.
    return frame.rename({name: name.replace('""', '"') for name in frame.columns if '""' in name})


def _decoded(content: bytes) -> tuple[str, str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16"), "UTF-16"
    try:
        return content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), "Windows-1252"


def _separator(header: str) -> str:
    """The one of `, ; tab |` that cuts the header into most columns, quotes respected."""
    return max(",;\t|", key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))


def _target_name(frame: pl.DataFrame, target: str | None, path: Path) -> str:
    columns = listed(frame.columns, 20)
    if target is None:
        values = all(re.fullmatch(r"[-+\d.eE]+(_duplicated_\d+)?", name) for name in frame.columns)
        hint = " The first line seems to hold values: put the names of the columns above it." if values else ""
        raise BadData(f"{path} is a table: say which column to predict with --target COLUMN. It has: {columns}.{hint}")
    if target not in frame.columns:
        lowered = {name.lower(): name for name in frame.columns}
        near = nearest(target, lowered)
        hint = f" Did you mean {lowered[near]!r}?" if near else ""
        raise BadData(f"{path} has no column {target!r}.{hint} It has: {columns}.")
    return target


def _target_values(series: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """The values that are there, and which rows lack one, (N,) bool."""
    if series.dtype.is_temporal() or series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        raise BadData(
            f"Target {series.name!r} is of type {series.dtype}, which cannot be predicted. Expected numbers, truth "
            "values or words."
        )
    if series.dtype.is_float() or series.dtype.is_decimal():
        series = series.cast(pl.Float64)
        series = series.set(~series.is_finite().fill_null(False), None)
    elif not (series.dtype.is_integer() or series.dtype == pl.Boolean):
        series = series.cast(pl.String).str.strip_chars()
        series = series.set(series.eq("").fill_null(False), None)
    missing = series.is_null().to_numpy()
    present = series.drop_nulls()
    if present.dtype == pl.String:
        return np.array(present.to_list(), dtype=str), missing
    return present.to_numpy(), missing


def _refuse_table(target: Target, given: np.ndarray | None, source: str) -> None:
    train = target.y if given is None else target.y[given == "train"]
    if len(train) < MIN_ROWS:
        raise BadData(f"{source} has {count(len(train), 'row')} to learn from. Expected at least {MIN_ROWS}.")
    if target.task == "classification":
        refuse_unlearnable(train, target.classes, "row", source)
    elif (train == train[0]).all():
        raise BadData(f"The target of {source} is {train[0]} in every row: there is nothing to learn.")


def _row_digests(frame: pl.DataFrame, y: np.ndarray) -> np.ndarray:
    """Equal where whole rows are, target included, (N,) uint64."""
    targets = pl.DataFrame(y.reshape(len(y), -1), schema=[f"\0target {k}" for k in range(y[:1].size or 1)])
    readable = frame.select(s for s in frame if not s.dtype.is_nested() and s.dtype != pl.Object)
    return pl.concat([readable, targets], how="horizontal").hash_rows(seed=0).to_numpy()


def _spread(y: np.ndarray) -> dict[str, Any]:
    low, high = y.min(axis=0), y.max(axis=0)
    return {"mean": y.mean(axis=0).tolist(), "std": y.std(axis=0).tolist(), "min": low.tolist(), "max": high.tolist()}
