"""Adding a technique is adding one file: by itself it is listed, explained, usable and held to the contract."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ZIGZAG = '''"""Zigzag: two slopes that meet at 0."""

import math

from torch import Tensor, nn

from trainwell.activations import activations


class Zigzag(nn.Module):
    """x + bend |x| / 2.

    Args:
        bend: Difference of the slopes.
    """

    def __init__(self, bend: float) -> None:
        super().__init__()
        self.bend = bend

    def forward(self, x: Tensor) -> Tensor:
        """(*, ...) of any shape."""
        return x + self.bend * x.abs() / 2


@activations.add(
    "zigzag",
    paper="https://example.org/zigzag",
    limits={"bend": "[0, 2)"},
    tune={"bend": (0.5, 1.5)},
    gain=1 / math.sqrt((1.5**2 + 0.5**2) / 2),
    initializer="he_normal",
    range=(-math.inf, math.inf),
    zero_centred=False,
    saturates="never",
    smooth=False,
    monotone=True,
    convex=True,
    uses_exp=False,
)
def zigzag(*, bend: float = 1.0) -> nn.Module:
    """A line with a bend in it.

    x + bend |x| / 2: its slope is 1 - bend / 2 below 0 and 1 + bend / 2 above.

    Reach for it when a test needs a technique that no book has.

    Leave it when the network is to be any good.

    Cost: two products a value.

    Args:
        bend: Difference of the slopes, in [0, 2).

    Returns:
        x -> x + bend |x| / 2, of the same shape, in (-inf, inf).

    Reference:
        Made up for this test.
    """
    return Zigzag(bend)
'''


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its tests in a temporary folder, with one file more."""
    folder = tmp_path_factory.mktemp("copy")
    left_out = shutil.ignore_patterns("__pycache__", "slow")
    shutil.copytree(ROOT / "src", folder / "src", ignore=left_out)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "src" / "trainwell" / "activations" / "zigzag.py").write_text(ZIGZAG)
    return folder


def run(copy: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def trainwell(copy: Path, *arguments: str) -> str:
    return run(copy, "-c", "from trainwell.cli.main import main; main()", *arguments)


def test_the_copy_is_what_runs(copy: Path) -> None:
    assert run(copy, "-c", "import trainwell; print(trainwell.__file__)").startswith(str(copy))


def test_it_is_listed_and_explained(copy: Path) -> None:
    listed = trainwell(copy, "list", "activations")
    line = next(line for line in listed.splitlines() if line.startswith("zigzag"))
    assert "A line with a bend in it." in line
    assert "https://example.org/zigzag" in line
    explained = trainwell(copy, "explain", "zigzag")
    for words in ("x + bend |x| / 2", "no book has", "to be any good", "two products a value", "[0, 2)", "Made up"):
        assert words in explained


def test_it_is_used_in_a_recipe(copy: Path) -> None:
    edits = ["model.activation=zigzag", "model.activation.bend=0.5", "epochs=2", "--no-checks", "--out", "run"]
    trainwell(copy, "fit", "iris", *edits)
    assert '"zigzag"' in (copy / "run" / "recipe.json").read_text()


def test_it_is_held_to_the_contract(copy: Path) -> None:
    tests = ["tests/activations/test_contract.py", "tests/test_members.py", "tests/method/test_explain.py"]
    command = ["-m", "pytest", "-k", "zigzag", "-p", "no:cacheprovider", "--tb=short", "-rA", "-o", "addopts=", *tests]
    passed = [line for line in run(copy, *command).splitlines() if line.startswith("PASSED") and "zigzag" in line]
    for file in tests:
        assert any(file in line for line in passed), f"nothing of {file} was asked of it"
