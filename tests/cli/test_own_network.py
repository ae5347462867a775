"""One's own network, named on the command line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Done, Program

SOURCE = """
import torch
from torch import nn

def make(input_shape, num_classes, width: int = 16):
    return nn.Sequential(nn.Flatten(), nn.Linear(192, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, num_classes))

class Own(nn.Module):
    def __init__(self, num_outputs: int):
        super().__init__()
        self.head = nn.Linear(192, num_outputs)

    def forward(self, x):
        return self.head(x.flatten(1))

def wrong_width():
    return nn.Sequential(nn.Flatten(), nn.Linear(100, 4))

def wrong_outputs():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 3))

def breaks():
    raise KeyError("no such layer")
"""


@pytest.fixture
def package(program: Program) -> Program:
    (program.cwd / "mine").mkdir()
    (program.cwd / "mine" / "net.py").write_text(SOURCE)
    return program


def test_it_is_found_in_the_current_folder(package: Program, quarters: Path) -> None:
    call = (quarters, "model=mine.net:make", "model.width=32", "augment=none", "--out", "run")
    done = package("fit", *call, "epochs=6")
    assert done.code == 0, done.text
    assert "overfit sample: " in done.out
    stored = json.loads((package.cwd / "run" / "recipe.json").read_text())["recipe"]
    assert stored["model"] == {"name": "mine.net:make", "width": 32}
    assert stored["norm_bias_rate"] == 1.0  # the recipe's own value belongs to its own network
    found = package("evaluate", "run", quarters)
    assert found.code == 0, found.text
    assert float(found.out.split()[1]) > 0.9
    longer = package("fit", *call, "epochs=7", "--resume")
    assert longer.code == 0, longer.text
    assert "going on at step" in longer.out


@pytest.fixture
def beside(package: Program, inside: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """The program within this process, where the package can be imported."""
    monkeypatch.syspath_prepend(package.cwd)
    for name in ("mine", "mine.net"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return inside


def test_a_class_of_modules(beside: Callable[..., Done], quarters: Path) -> None:
    done = beside("fit", quarters, "model=mine.net:Own", "epochs=1", "--no-checks", "--out", "run")
    assert done.code in (0, 1), done.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong_width", ("(2, 3, 8, 8)", "mat1 and mat2")),
        ("wrong_outputs", ("(2, 3)", "(2, 4)")),
        ("breaks", ("mine.net:breaks", "KeyError", "no such layer")),
        ("mak", ("no model in mine.net called 'mak'", "Did you mean 'make'?")),
    ],
)
def test_a_network_that_does_not_fit(
    beside: Callable[..., Done], quarters: Path, name: str, words: tuple[str, ...]
) -> None:
    beside("fit", quarters, f"model=mine.net:{name}", "epochs=1", "--no-checks").refused(*words)
