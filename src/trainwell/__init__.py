"""Trainwell: train a neural network by the book, and know why when it does not train."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainwell.errors import TrainwellError
    from trainwell.family import Part
    from trainwell.method.check import check
    from trainwell.method.evaluate import evaluate
    from trainwell.method.fit import fit
    from trainwell.method.look import Options
    from trainwell.method.run import Run
    from trainwell.recipe import Recipe

__all__ = ["Options", "Part", "Recipe", "Run", "TrainwellError", "check", "evaluate", "fit"]

_HOMES = {
    "Options": "trainwell.method.look",
    "Part": "trainwell.family",
    "Recipe": "trainwell.recipe",
    "Run": "trainwell.method.run",
    "TrainwellError": "trainwell.errors",
    "check": "trainwell.method.check",
    "evaluate": "trainwell.method.evaluate",
    "fit": "trainwell.method.fit",
}


def __getattr__(name: str) -> Any:
    """Public names are loaded when they are first used: `trainwell --help` needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trainwell' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
