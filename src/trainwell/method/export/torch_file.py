"""torch: a program of `torch.export`, which torch runs without the code of the network."""

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.export import ExportedProgram, load, save

from trainwell.method.export.agreement import Answer

FILE = "model.pt2"


def torch_file(program: ExportedProgram) -> bytes:
    """The content of a .pt2 file."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save(program, buffer)
    return buffer.getvalue()


def opened(path: Path) -> Answer:
    """The file as a function of stored values, run by torch on the CPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = load(path).module()

    def answer(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found: np.ndarray = program(torch.from_numpy(x)).numpy()
        return found

    return answer
