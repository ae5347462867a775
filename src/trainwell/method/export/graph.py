"""A network with all that stands around it at test time, as one module: stored values in, answers out."""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from trainwell.data.columns import feature_names
from trainwell.errors import BadValue
from trainwell.method.run import Run
from trainwell.preprocessing import Fitted
from trainwell.training.evaluate import answers, viewed

INPUTS = {"images": "images", "table": "features", "own": "inputs"}
OUTPUTS = {"classification": "probabilities", "regression": "values"}
_TRACED = 2  # samples of the example: one would be taken for a constant


class Shipped(nn.Module):
    """Preprocessing, network, the views of the recipe, and softmax or the units of the target.

    Args:
        network: In evaluation mode, on the CPU, in fp32.
        fitted: Preprocessing; None where the data came ready.
        target: Standardisation of the targets; None in classification.
        views: `views` of the recipe, averaged inside.
    """

    def __init__(self, network: nn.Module, fitted: Fitted | None, target: Fitted | None, views: str) -> None:
        super().__init__()
        self.network = network
        self.fitted, self.target, self.views = fitted, target, views

    def forward(self, stored: Tensor) -> Tensor:
        """Stored values, (N, H, W, C) uint8 or (N, F) float32, -> probabilities (N, C) or values (N, K)."""
        values = stored
        if self.fitted is not None:
            values = self.fitted.apply(stored.to(torch.float32, copy=True))  # it may overwrite what it is given
            values = values.permute(0, 3, 1, 2) if values.dim() == 4 else values
        output = answers(viewed(self.network, values, self.views), self.target is None)
        return output if self.target is None else self.target.inverse(output.view(stored.shape[0], -1))


def shipped(run: Run, network: nn.Module) -> Shipped:
    """The module for a run.

    Args:
        run: The run.
        network: Its network with the weights in it; it is copied.
    """
    description = run.description()
    fitted = None if description["kind"] == "own" else run.preprocessing()
    network = copy.deepcopy(network).to("cpu", torch.float32).eval()
    return Shipped(network, fitted, run.target(), description["views"]).eval()


def input_of(description: dict[str, Any]) -> tuple[str, str, tuple[int, ...]]:
    """Name, type and shape of the input without the batch."""
    decoding, kind = description["decoding"], description["kind"]
    if kind == "images":
        return INPUTS[kind], "uint8", (*decoding["size"], decoding["channels"])
    if kind == "table":
        return INPUTS[kind], "float32", (len(feature_names(decoding["columns"])),)
    return INPUTS[kind], "float32", tuple(description["input_shape"])


def traced(module: Shipped, example: np.ndarray) -> ExportedProgram:
    """The module as a graph for any number of samples.

    Args:
        module: The module.
        example: Inputs, at least one.

    Raises:
        BadValue: The network does something that cannot be written down as a graph.
    """
    inputs = torch.from_numpy(np.repeat(example[:1], _TRACED, axis=0))
    with torch.no_grad():
        module(inputs)  # the preprocessing lays its constants out when it is first used
        try:
            program = export(module, (inputs,), dynamic_shapes=({0: Dim("batch")},))
        except Exception as error:  # torch raises many classes, some of its own, some of the network's
            raise BadValue(
                f"The network ({type(module.network).__name__}) cannot be written down as a graph: "
                f"{type(error).__name__}: {first_line(error)}. Its forward pass has to be tensor operations that do "
                "not depend on values or on the number of samples. --format safetensors needs no graph."
            ) from error
    for graph in program.graph_module.modules():
        for node in getattr(getattr(graph, "graph", None), "nodes", ()):
            node.meta.pop("stack_trace", None)  # paths of this machine
    return program


def first_line(error: Exception) -> str:
    """The first line of an error's text that says anything."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else "no message"
