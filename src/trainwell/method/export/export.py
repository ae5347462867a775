"""`export`: a run as a folder that runs without Trainwell, checked before it is called done."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from trainwell.errors import BadValue, Failed, StorageFailed, UnknownName
from trainwell.method.export import onnx_file, safetensors_file, torch_file
from trainwell.method.export.agreement import (
    Agreement,
    Answer,
    agreement,
    file_answers,
    run_answers,
    spread_of,
)
from trainwell.method.export.config import COLUMNS, CONFIG, MARK, columns, config, metadata
from trainwell.method.export.graph import INPUTS, OUTPUTS, first_line, shipped, traced
from trainwell.method.export.inputs import Inputs, inputs
from trainwell.method.export.reader import READER, reader
from trainwell.method.export.readme import README, readme
from trainwell.method.run import Run
from trainwell.method.screen import Screen, Silent

FORMATS = ("onnx", "torch", "safetensors")


@dataclass(frozen=True)
class Exported:
    """A folder that was written.

    Args:
        path: The folder.
        format: `onnx`, `torch` or `safetensors`.
        files: Names of its files with their sizes in bytes.
        agreement: How far its answers lie from those of the run in fp32.
        rounded: The same against the run as it predicts, where that is not in fp32; None where it is.
    """

    path: Path
    format: str
    files: dict[str, int]
    agreement: Agreement
    rounded: Agreement | None


def export(
    run: Run | str | Path,
    format: str = "onnx",
    *,
    out: str | Path | None = None,
    model: nn.Module | None = None,
    force: bool = False,
    screen: Screen | None = None,
) -> Exported:
    """Write a run as a folder that runs without Trainwell: the model, its preprocessing and class names, a README.

    The files are read back and asked about the data of the run; they are kept where they say what the run says.

    Args:
        run: The run, or its folder.
        format: `onnx`, `torch` (a program of `torch.export`) or `safetensors` (weights alone, with a description).
        out: Folder to write; None makes `exports/NAME-FORMAT`.
        model: The network object, where the run was made with one's own; its weights are replaced, on the CPU.
        force: Replace an earlier export in `out`.
        screen: Where to say what happens.

    Raises:
        BadRun: The folder holds no run with weights.
        UnknownName: There is no such format.
        BadValue: `out` is taken, or the network cannot be written in this format.
        MissingExtra: What writes the format is not installed.
        StorageFailed: The folder cannot be written.
        Failed: The files do not say what the run says; nothing is left of them.
    """
    run, screen = run if isinstance(run, Run) else Run(run), screen or Silent()
    if format not in FORMATS:
        raise UnknownName("export format", format, FORMATS)
    if format == "onnx":
        onnx_file.needed()
    folder = Path(out) if out is not None else Path("exports") / f"{run.path.resolve().name}-{format}"
    _refuse_taken(folder, force)
    network = run.model(model).cpu()
    asked = inputs(run)
    screen.say(f"checked on {asked.words}" + (f": {asked.why}" if asked.why else ""))
    description = run.description()
    try:
        expected = run_answers(run, network, asked.x, "fp32")
    except (RuntimeError, TypeError) as error:
        if description["kind"] != "own":
            raise
        raise BadValue(
            f"The network ({type(network).__name__}) fails on float32 inputs of shape {asked.x.shape}: "
            f"{first_line(error)}. Only networks that take float32 can be exported."
        ) from error
    with _replaced(folder) as place:
        answer = _written(run, network, model, format, asked.x, place)
        found = file_answers(answer, asked.x)
        agreements = _agreements(run, network, asked, expected, found)
        _write(place / CONFIG, _json(config(description, format, agreements)))
        if description["kind"] == "table":
            _write(place / COLUMNS, _json(columns(description)))
        read = reader(description)
        if read is not None:
            _write(place / READER, read.encode())
        _write(place / README, readme(description, format, agreements).encode("utf-8", "backslashreplace"))
        files = {entry.name: entry.stat().st_size for entry in sorted(place.iterdir())}
    return Exported(folder, format, files, agreements["fp32"], agreements.get("as it predicts"))


def _written(
    run: Run, network: nn.Module, given: nn.Module | None, format: str, example: np.ndarray, place: Path
) -> Answer:
    """Write the model, and read it back."""
    description = run.description()
    if format == "safetensors":
        for name, content in safetensors_file.safetensors_files(run).items():
            _write(place / name, content)
        again = safetensors_file.opened(place / safetensors_file.FILE, description, given)
        return lambda x: run_answers(run, again, x, "fp32")
    program = traced(shipped(run, network), example)
    if format == "torch":
        _write(place / torch_file.FILE, torch_file.torch_file(program))
        return torch_file.opened(place / torch_file.FILE)
    names = (INPUTS[description["kind"]], OUTPUTS[description["task"]])
    _write(place / onnx_file.FILE, onnx_file.onnx_file(program, names, metadata(description)))
    return onnx_file.opened(place / onnx_file.FILE)


def _agreements(
    run: Run, network: nn.Module, asked: Inputs, expected: np.ndarray, found: np.ndarray
) -> dict[str, Agreement]:
    """Against the run in fp32, which has to hold, and against the run as it predicts, which is told."""
    spread = spread_of(run)
    strict = agreement(expected, found, asked.words, spread)
    if not strict.holds:
        raise Failed(
            f"The exported model does not say what the run says on {asked.words}: {strict.text()}. Nothing was kept. "
            "Try another --format; if the network is your own, look for operations that depend on values or on the "
            "number of samples."
        )
    precision = run.recipe.precision
    if precision in ("fp32", "auto"):
        return {"fp32": strict}
    rounded = agreement(run_answers(run, network, asked.x, precision), found, asked.words, spread)
    return {"fp32": strict, "as it predicts": rounded}


def _refuse_taken(folder: Path, force: bool) -> None:
    """Raise `BadValue` where the folder, or a file in its place, is not to be replaced."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not _is_export(folder):
        raise BadValue(f"{folder} exists and is no export: it is never replaced. Give another --out.")
    if not force:
        raise BadValue(f"{folder} holds an export. Replace it by --force, or give another --out.")


def _is_export(folder: Path) -> bool:
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and MARK in found


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` at the end, or is removed on any error."""
    folder = folder.absolute()
    place, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("new", "old"))
    try:
        with _storing(folder):
            place.mkdir(parents=True)
        yield place
        with _storing(folder):
            if folder.exists():
                folder.rename(old)
            place.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)


def _write(path: Path, content: bytes) -> None:
    with _storing(path), open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


@contextlib.contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"Writing {path} failed ({error.strerror or error}). Nothing was left there. Free some space or give "
            "another --out."
        ) from error
