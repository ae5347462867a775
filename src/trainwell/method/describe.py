"""What a run writes down about itself: the model to be used again, and where it was made."""

import platform
import sys
from importlib.metadata import version
from typing import Any

import torch

from trainwell.training.machine import cpu_name, usable_threads
from trainwell.training.setup import Setup, input_shape

_PACKAGES = ("trainwell", "torch", "numpy", "safetensors", "pillow", "scikit-learn", "polars")


def description(setup: Setup) -> dict[str, Any]:
    """The content of `best/model.json`: all it takes to use the weights."""
    data = setup.data
    return {
        "model": setup.recipe.model.json(),
        "input_shape": list(input_shape(data, setup.fitted)),
        "num_outputs": setup.num_outputs,
        "task": data.task,
        "kind": data.kind,
        "classes": list(data.classes),
        "decoding": data.decoding,
        "preprocessing": setup.fitted.json(),
        "target": None if setup.target is None else setup.target.json(),
        "views": setup.recipe.views,
        "versions": {"trainwell": version("trainwell"), "torch": torch.__version__},
    }


def environment(device: torch.device) -> dict[str, Any]:
    """The content of `environment.json`: machine, versions, and the command."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": cpu_name(),
        "threads": usable_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "packages": {name: version(name) for name in _PACKAGES},
        "command": sys.argv,
    }
