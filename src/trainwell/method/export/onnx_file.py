"""ONNX: a graph that ONNX Runtime and many others run."""

import contextlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch.export import ExportedProgram

from trainwell.errors import BadValue, MissingExtra
from trainwell.method.export.agreement import Answer
from trainwell.method.export.graph import first_line

FILE = "model.onnx"


def needed() -> None:
    """Raise `MissingExtra` unless what writes and runs ONNX is installed."""
    if any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime", "onnxscript")):
        raise MissingExtra("Export as ONNX", "onnx")


def onnx_file(program: ExportedProgram, names: tuple[str, str], metadata: dict[str, Any]) -> bytes:
    """The content of an ONNX file.

    Args:
        program: The graph.
        names: Of its input and its output.
        metadata: Written into the file by name, as JSON where it is no text.

    Raises:
        BadValue: An operation of the network has no form in ONNX.
    """
    from torch import onnx

    try:
        with _quiet():
            written = onnx.export(
                program,
                dynamo=True,
                input_names=[names[0]],
                output_names=[names[1]],
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # the exporter raises classes of its own and those of what it calls
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise BadValue(
            f"The network cannot be written as ONNX: {type(cause).__name__}: {first_line(cause)}. "
            "Take --format torch, which knows every operation of torch."
        ) from error
    assert written is not None, "a program gives a program"
    for node in written.model.graph.all_nodes():
        node.metadata_props.clear()  # lines of source files on this machine
    for name, value in metadata.items():
        written.model.metadata_props[name] = value if isinstance(value, str) else json.dumps(value)
    try:
        content: bytes = written.model_proto.SerializeToString()
    except ValueError as error:
        raise BadValue(
            "The network is too large for one ONNX file, which holds 2 GB at most. Take --format torch or safetensors."
        ) from error
    return content


def opened(path: Path) -> Answer:
    """The file as a function of stored values, run by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def answer(x: np.ndarray) -> np.ndarray:
        found: np.ndarray = session.run(None, {name: x})[0]
        return found

    return answer


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of packages it could use and of its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
