"""Columns of a table -> float32 features, by a plain state that is fitted on the training rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from trainwell.data.dataset import count, listed
from trainwell.errors import BadData

MISSING_WORDS = ("", "?", "-", "na", "n/a", "nan", "null", "none", "nil", "#n/a", "missing", "inf", "-inf")
MAX_LEVELS = 100  # the most frequent ones get a feature each; the others are all zeros
NUMBER_SHARE = 0.9  # of the words of a column that read as numbers, from which on it is a column of numbers
ID_SHARE = 0.9  # of words that occur once, from which on a column names its rows
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_UNITS = {pl.Date: 1.0, pl.Datetime: 86_400e6, pl.Duration: 1e6, pl.Time: 1e9}  # -> days, days, seconds, seconds


def fit_columns(frame: pl.DataFrame, *, keep: bool = False) -> tuple[list[dict[str, Any]], list[str]]:
    """Learn from the training rows how each column becomes features.

    A column of numbers (truth values and dates too) becomes itself, gaps filled with the median, and, where there are
    gaps, a feature that marks them. A column of words becomes one feature a level, missing counted as one; a level not
    seen here is all zeros. Columns that cannot help are dropped: constant, empty, counting or naming the rows.

    Args:
        frame: The training rows.
        keep: Drop only what is empty: for an array, whose width a network of one's own may count on.

    Returns:
        The state of the kept columns, plain JSON, and what was dropped or converted in words.

    Raises:
        BadData: No column is left.
    """
    columns: list[dict[str, Any]] = []
    dropped: dict[str, list[str]] = {}
    notes: list[str] = []
    for series in frame:
        state, reason, note = _fit_column(series, keep)
        if state is not None:
            columns.append(state)
        else:
            dropped.setdefault(reason, []).append(series.name)
        if note:
            notes.append(note)
    notes += [f"{count(len(n), 'column')} dropped, {reason}: {listed(n, 10)}" for reason, n in dropped.items()]
    if not columns:
        found = "; ".join(notes) or "the table has only its target"
        raise BadData(
            f"No column is left to learn from: {found}. "
            "Expected at least one column of numbers or words that differ between rows."
        )
    return columns, notes


def encode(frame: pl.DataFrame, columns: list[dict[str, Any]]) -> np.ndarray:
    """Features of each row, float32 (N, F), not yet standardised.

    Args:
        frame: The table; columns that the state does not name are ignored.
        columns: What `fit_columns` gave.

    Raises:
        BadData: A column is missing, or holds words where numbers were learnt.
    """
    missing = [state["name"] for state in columns if state["name"] not in frame.columns]
    if missing:
        raise BadData(
            f"The table lacks {count(len(missing), 'column')} the model was trained on: {listed(missing, 10)}. "
            f"It has: {listed(frame.columns, 20)}."
        )
    features = np.empty((frame.height, len(feature_names(columns))), np.float32)
    place = 0
    for state in columns:
        made = _encode_column(frame[state["name"]], state)
        for feature in made:
            features[:, place] = feature
            place += 1
    return features


def feature_names(columns: list[dict[str, Any]]) -> list[str]:
    """Names of the features, in order."""
    names = []
    for state in columns:
        name = state["name"]
        if state["kind"] == "number":
            names += [name, f"{name} is missing"] if state["gaps"] else [name]
        else:
            names += [f"{name} = {level}" for level in state["levels"]]
            names += [f"{name} is missing"] if state["gaps"] else []
    return names


def surprises(frame: pl.DataFrame, columns: list[dict[str, Any]]) -> list[str]:
    """What rows hold that the training rows did not, and how it is encoded, in words.

    Args:
        frame: The table, which has all columns that the state names.
        columns: What `fit_columns` gave.
    """
    found = []
    for state in columns:
        series, name = frame[state["name"]], f"column {state['name']!r}"
        if state["kind"] == "number":
            gaps = int(np.isnan(_numbers(series)).sum())
            filled = f"filled with the median of the training rows, {state['median']:g}"
        else:
            words = _words(series)
            gaps, filled = words.null_count(), "taken as no known level"
            strange = words.drop_nulls().filter(~words.drop_nulls().is_in(state["levels"])).unique().sort().to_list()
            if strange:
                found.append(f"{name}: words that were not learnt, {filled}: {listed([repr(w) for w in strange])}")
        if gaps and not state["gaps"]:
            found.append(f"{name}: {count(gaps, 'gap')}, of which training had none, {filled}")
    return found


def is_frame(given: Any) -> bool:
    """Whether an object is a frame of polars or pandas."""
    return isinstance(given, pl.DataFrame) or (hasattr(given, "iloc") and hasattr(given, "columns"))


def polars_frame(given: Any) -> pl.DataFrame:
    """A frame of pandas as one of polars; one of polars is left as it is."""
    if isinstance(given, pl.DataFrame):
        return given
    return pl.DataFrame([_column(str(name), given.iloc[:, k]) for k, name in enumerate(given.columns)])


def _column(name: str, series: Any) -> pl.Series:
    """A column of pandas; what is neither number nor date is text."""
    kind = getattr(series.dtype, "kind", "O")
    gaps = series.isna().to_numpy()
    if kind in "biuf":
        return pl.Series(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind == "M" and getattr(series.dt, "tz", None) is None:
        return pl.Series(name, series.to_numpy(dtype="datetime64[us]"))
    values: Sequence[Any] = series.tolist()
    return pl.Series(name, [None if gap else str(value) for gap, value in zip(gaps, values, strict=True)], pl.String)


def _fit_column(series: pl.Series, keep: bool) -> tuple[dict[str, Any] | None, str, str]:
    """State or None, why it was dropped, what else is to be said."""
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        return None, f"a kind that is not read ({series.dtype})", ""
    numbers = _numbers(series)
    note = f"column {series.name!r}: dates read as days since 1970" if series.dtype in (pl.Date, pl.Datetime) else ""
    if not _is_numeric(series):
        words = _words(series)
        num_words = len(words) - words.null_count()
        read = int(np.isfinite(numbers).sum())
        if num_words == 0:
            return None, "all missing", ""
        if read < NUMBER_SHARE * num_words:
            return _fit_words(series.name, words)
        if read < num_words:
            strange = count(num_words - read, "entry", "entries")
            note = f"column {series.name!r}: {strange} that are no numbers taken as missing"
    present = numbers[np.isfinite(numbers)]
    if len(present) == 0:
        return None, "all missing", ""
    gaps = len(present) < len(numbers)
    if not keep and not gaps and present.min() == present.max():
        return None, "constant", ""
    if not keep and _counts_rows(series, present, gaps):
        return None, "counting or naming the rows", ""
    return {"name": series.name, "kind": "number", "median": float(np.median(present)), "gaps": gaps}, "", note


def _fit_words(name: str, words: pl.Series) -> tuple[dict[str, Any] | None, str, str]:
    gaps = words.null_count() > 0
    counts = words.drop_nulls().value_counts(name="rows").sort(["rows", name], descending=[True, False])
    levels = counts[name].to_list()
    num_words = len(words) - words.null_count()
    if len(levels) == 1 and not gaps:
        return None, "constant", ""
    if len(levels) > 10 and counts["rows"].eq(1).sum() >= ID_SHARE * num_words:
        return None, "counting or naming the rows", ""
    rare = len(levels) - MAX_LEVELS
    note = f"column {name!r}: the {rare:,} rarest of {len(levels):,} levels share one code" if rare > 0 else ""
    return {"name": name, "kind": "words", "levels": sorted(levels[:MAX_LEVELS]), "gaps": gaps}, "", note


def _encode_column(series: pl.Series, state: dict[str, Any]) -> list[np.ndarray]:
    if state["kind"] == "number":
        numbers = _numbers(series)
        if not _is_numeric(series) and series.dtype != pl.Null:
            words = _words(series)
            num_words = len(words) - words.null_count()
            if num_words and not np.isfinite(numbers).any():
                raise BadData(
                    f"Column {state['name']!r} holds words such as {words.drop_nulls()[0]!r}; numbers were learnt."
                )
        known = np.isfinite(numbers)
        filled = np.where(known, numbers, state["median"])
        return [filled, ~known] if state["gaps"] else [filled]
    words = _words(series)
    found = [words.eq(level).fill_null(False).to_numpy() for level in state["levels"]]
    return [*found, words.is_null().to_numpy()] if state["gaps"] else found


def _is_numeric(series: pl.Series) -> bool:
    return series.dtype.is_numeric() or series.dtype == pl.Boolean or series.dtype.is_temporal()


def _numbers(series: pl.Series) -> np.ndarray:
    """The column as float64 (N,), NaN where a value is missing, infinite, beyond float32, or no number."""
    if series.dtype.is_temporal():
        if series.dtype == pl.Datetime:
            series = series.cast(pl.Datetime("us"))
        if series.dtype == pl.Duration:
            series = series.cast(pl.Duration("us"))
        numbers = series.to_physical().cast(pl.Float64) / _UNITS[series.dtype.base_type()]
    elif series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null):
        numbers = series.cast(pl.Float64)
    else:
        numbers = _words(series).cast(pl.Float64, strict=False)
    values = numbers.fill_null(float("nan")).to_numpy().astype(np.float64)
    values[~(np.abs(values) <= _FLOAT32_MAX)] = np.nan
    return values


def _words(series: pl.Series) -> pl.Series:
    """The column as trimmed text, null where it is missing or says so."""
    words = series.cast(pl.String).str.strip_chars()
    return words.set(words.str.to_lowercase().is_in(MISSING_WORDS).fill_null(False), None)


def _counts_rows(series: pl.Series, present: np.ndarray, gaps: bool) -> bool:
    """Whole numbers that all differ, in a column called id or without a name, or that go up by one from row to row."""
    whole = series.dtype.is_integer() and not gaps and len(present) > 10
    if not whole or len(np.unique(present)) < len(present):
        return False
    name = series.name.lower()
    named = name in ("", "id", "index", "row", "rowid", "unnamed: 0") or name.endswith(("_id", " id"))
    return named or bool((np.sort(present) == np.arange(len(present)) + present.min()).all())
