"""All that a report tells of, read from a run folder or the folder of a study; nothing in it is escaped."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import polars as pl

from trainwell.errors import BadRun
from trainwell.record import BEST_MODEL, DATA, ENVIRONMENT, FINDINGS, RECIPE, RECORD, VALIDATION, RunFolder

# Written by `trainwell tune`, which stands above this layer; see docs/run_folder.md.
STUDY, SUMMARY, BEST_RUN = "study.json", "summary.json", "best-run"
_COLUMNAR = ("epoch", "measure")

State = Literal["running", "finished", "stopped"]


@dataclass(frozen=True)
class Series:
    """Lines of one kind as columns of numbers.

    Args:
        columns: Values by key, (N,) float64 each; NaN where a line lacks the key, or has null there.
        count: Number of lines.
    """

    columns: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))
    count: int = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def names(self, prefix: str) -> list[str]:
        """Keys that begin so, in the order in which they first came."""
        return [name for name in self.columns if name.startswith(prefix)]


@dataclass(frozen=True, kw_only=True)
class Story:
    """A run, or a study.

    Args:
        path: The folder.
        recipe: Content of `recipe.json`; empty where there is none, as are the next four.
        environment: Content of `environment.json`.
        data: Content of `data.json`.
        model: Content of `best/model.json`.
        verdict: Of `findings.json`.
        findings: Of `findings.json`; before there is one, those in the record.
        state: `running` while a process holds the folder, `finished` where the verdict says so, else `stopped`.
        epochs: Lines of kind `epoch`.
        measures: Lines of kind `measure`.
        lines: Lines of all other kinds, by kind; of a kind that did not come an empty list.
        validation: Content of `validation.json`, if there is one.
        study: Content of `study.json`; None for a run.
        summary: Content of `summary.json`, of a study that is finished.
        best_run: The winner's run, of a study that has trained one.
    """

    path: Path
    recipe: dict[str, Any]
    environment: dict[str, Any]
    data: dict[str, Any]
    model: dict[str, Any]
    verdict: dict[str, Any]
    findings: list[dict[str, Any]]
    state: State
    epochs: Series
    measures: Series
    lines: Mapping[str, list[dict[str, Any]]]
    validation: dict[str, Any] | None = None
    study: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    best_run: "Story | None" = None

    def picture(self, name: str) -> bytes | None:
        """A file of the folder; None where there is none."""
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None


class _Lines(dict[str, list[dict[str, Any]]]):
    """Lines by kind; a kind that did not come has none."""

    def __missing__(self, kind: str) -> list[dict[str, Any]]:
        return []


def read_story(path: str | Path) -> Story:
    """Read a folder of `trainwell fit`, `finetune` or `tune`, finished or not.

    Args:
        path: The folder.

    Returns:
        What it holds. A torn last line of the record is left out.

    Raises:
        BadRun: There is no run in the folder, or one of its files cannot be read.
    """
    folder = RunFolder(path)
    if not folder.path.is_dir():
        raise BadRun(
            f"There is no run folder {str(path)!r}. Expected a folder made by 'trainwell fit', 'finetune' or 'tune'."
        )
    study = _content(folder, STUDY)
    if study is None and not folder.exists:
        raise BadRun(
            f"{folder.path} holds no run: it has no {RECIPE} and no {STUDY}. Expected a folder made by "
            "'trainwell fit', 'finetune' or 'tune'."
        )
    running = folder.held  # before the files: a run that ends meanwhile is told as one under way, never as one stopped
    epochs, measures, lines = _record(folder.path / RECORD)
    found = _content(folder, FINDINGS) or {}
    summary = None if study is None else _content(folder, SUMMARY)
    verdict = dict(found.get("verdict") or {})
    finished = verdict.get("finished", False) if study is None else summary is not None
    best = folder.path / BEST_RUN
    return Story(
        path=folder.path,
        recipe=_content(folder, RECIPE) or {},
        environment=_content(folder, ENVIRONMENT) or {},
        data=_content(folder, DATA) or {},
        model=_content(folder, BEST_MODEL) or {},
        verdict=verdict,
        findings=list(found["findings"] if found.get("findings") else lines["finding"]),
        state="running" if running else "finished" if finished else "stopped",
        epochs=epochs,
        measures=measures,
        lines=lines,
        validation=_content(folder, VALIDATION),
        study=study,
        summary=summary,
        best_run=read_story(best) if study is not None and RunFolder(best).exists else None,
    )


def _content(folder: RunFolder, name: str) -> dict[str, Any] | None:
    return folder.read_json(name) if folder.has(name) else None


def _record(path: Path) -> tuple[Series, Series, _Lines]:
    """Epoch lines, measure lines and all others of a record, which may be missing or still be written."""
    piles = {kind: bytearray() for kind in _COLUMNAR}
    starts = {f'{{"kind": "{kind}",'.encode(): kind for kind in _COLUMNAR}
    longest = max(map(len, starts))
    others = _Lines()
    try:
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        return Series(), Series(), others
    with file:
        for place, text in enumerate(file, 1):
            if not text.endswith(b"\n"):
                break
            kind = starts.get(text[: text.find(b",", 0, longest) + 1])
            if kind is None:
                line = _line(path, place, text)
                kind = line["kind"]
                if kind not in piles:
                    others.setdefault(kind, []).append(line)
            if kind in piles:
                piles[kind] += text
    epochs, measures = (_series(path, bytes(piles[kind])) for kind in _COLUMNAR)
    return epochs, measures, others


def _line(path: Path, place: int, text: bytes) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise _broken(path, place, str(error)) from error
    if not isinstance(line, dict) or not isinstance(line.get("kind"), str):
        raise _broken(path, place, "no object with a kind")
    return line


def _broken(path: Path, place: int, why: str) -> BadRun:
    return BadRun(
        f"Line {place:,} of {path} cannot be read ({why}). Expected one JSON object a line, as 'trainwell fit' writes "
        "them: take the line out, or train the run anew."
    )


def _series(path: Path, text: bytes) -> Series:
    """Lines of one kind as columns; of keys that hold anything but numbers nothing."""
    if not text:
        return Series()
    try:
        frame = pl.read_ndjson(io.BytesIO(text), infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        with open(path, "rb") as file:  # which line it was is asked only now
            for place, line in enumerate(file, 1):
                _line(path, place, line)
        raise BadRun(f"{path} cannot be read ({error}). Expected the record that 'trainwell fit' wrote.") from error
    ends = text[: text.find(b"\n")], text[text.rfind(b"\n", 0, -1) + 1 :]
    # polars gives the columns in no order; what comes neither in the first line nor in the last goes by its name
    order = {name: place for place, name in enumerate(dict.fromkeys(name for end in ends for name in json.loads(end)))}
    numbers = {
        column.name: column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for column in sorted(frame, key=lambda column: (order.get(column.name, len(order)), column.name))
        if column.dtype.is_numeric() or column.dtype == pl.Null
    }
    return Series(numbers, len(frame))
