"""The public names, and what importing the package costs."""

import subprocess
import sys

import trainwell


def test_names_are_pinned() -> None:
    assert trainwell.__all__ == [
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
    assert all(getattr(trainwell, name) is not None for name in trainwell.__all__)


def test_help_needs_no_torch() -> None:
    code = "import sys; from trainwell.cli.main import run; run(['--help']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
