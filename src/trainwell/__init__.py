"""Trainwell: train a neural network by the book, and know why when it does not train."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainwell.diagnoses import Diagnosis, Finding
    from trainwell.diagnoses.checkup import checkup
    from trainwell.diagnoses.repair import repair
    from trainwell.diagnoses.watch import watch
    from trainwell.errors import TrainwellError
    from trainwell.estimators.classifier import Classifier
    from trainwell.estimators.regressor import Regressor
    from trainwell.family import Part
    from trainwell.method.check import check
    from trainwell.method.evaluate import evaluate
    from trainwell.method.export.export import export
    from trainwell.method.finetune.finetune import finetune
    from trainwell.method.fit import fit
    from trainwell.method.load import load
    from trainwell.method.look import Options
    from trainwell.method.run import Run
    from trainwell.method.tune.tune import tune
    from trainwell.method.tune.tuned import Tuned
    from trainwell.recipe import Recipe

__all__ = [
    "Classifier",
    "Diagnosis",
    "Finding",
    "Options",
    "Part",
    "Recipe",
    "Regressor",
    "Run",
    "TrainwellError",
    "Tuned",
    "check",
    "checkup",
    "evaluate",
    "export",
    "finetune",
    "fit",
    "load",
    "repair",
    "tune",
    "watch",
]

_HOMES = {
    "Classifier": "trainwell.estimators.classifier",
    "Diagnosis": "trainwell.diagnoses",
    "Finding": "trainwell.diagnoses",
    "Options": "trainwell.method.look",
    "Part": "trainwell.family",
    "Recipe": "trainwell.recipe",
    "Regressor": "trainwell.estimators.regressor",
    "Run": "trainwell.method.run",
    "TrainwellError": "trainwell.errors",
    "Tuned": "trainwell.method.tune.tuned",
    "check": "trainwell.method.check",
    "checkup": "trainwell.diagnoses.checkup",
    "evaluate": "trainwell.method.evaluate",
    "export": "trainwell.method.export.export",
    "finetune": "trainwell.method.finetune.finetune",
    "fit": "trainwell.method.fit",
    "load": "trainwell.method.load",
    "repair": "trainwell.diagnoses.repair",
    "tune": "trainwell.method.tune.tune",
    "watch": "trainwell.diagnoses.watch",
}


def __getattr__(name: str) -> Any:
    """Public names are loaded when they are first used: `trainwell --help` needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trainwell' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
