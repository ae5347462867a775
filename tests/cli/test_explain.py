"""`list` and `explain`: what they print, as text and as JSON, and what they refuse."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from trainwell.method.catalogue import families

from .conftest import Done, Program

WAVY = '''"""An activation of one's own."""

import torch
from torch import Tensor, nn


class Wavy(nn.Module):
    """A wave on a slope.

    x + sin(x) / height.

    Reach for it when you are at sea.

    Args:
        height: Of the wave, inversely.
    """

    def __init__(self, *, height: float = 2.0) -> None:
        super().__init__()
        self.height = height

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.sin(x) / self.height
'''


def test_families_and_members_are_listed(inside: Callable[..., Done]) -> None:
    done = inside("list")
    assert done.code == 0, done.text
    rows = [re.split(r"  +", line, maxsplit=2) for line in done.out.splitlines()]
    assert rows[0] == ["family", "members"]
    assert [row[0] for row in rows[1:]] == list(families())
    assert [int(row[1]) for row in rows[1:]] == [len(family.names) for family in families().values()]
    assert ["optimizers", str(len(families()["optimizers"].names)), "from gradients to steps."] in rows

    done = inside("list", "optimizers")
    assert done.code == 0, done.text
    assert [line.split()[0] for line in done.out.splitlines()] == families()["optimizers"].names
    lion = next(line for line in done.out.splitlines() if line.startswith("lion "))
    assert re.split(r"  +", lion)[2] == "https://arxiv.org/abs/2302.06675"


def test_lists_as_json(inside: Callable[..., Done]) -> None:
    listed = json.loads(inside("list", "--json").out)
    assert [family["name"] for family in listed] == list(families())
    members = json.loads(inside("list", "schedules", "--json").out)
    assert [member["name"] for member in members] == families()["schedules"].names
    assert all(member["about"] for member in members)


def test_a_technique_is_explained(inside: Callable[..., Done]) -> None:
    done = inside("explain", "lion")
    assert done.code == 0, done.text
    assert done.out.startswith("optimizers/lion\n")
    for words in (
        "x <- (1 - lr weight_decay) x - lr sign(c)",
        "Reach for it when adamw works",
        "Leave it when batches are small",
        "Cost: One number of state",
        "decoupled",
        "lr: float, 0.0003 by default; in (0, inf); searched over 3e-05 to 0.003, by factors",
        "Learning rate: the length of a step",
        "Chen et al.",
        "https://arxiv.org/abs/2302.06675",
        "trainwell fit DATA optimizer=lion optimizer.lr=0.0003",
        "from trainwell.optimizers.lion import lion",
    ):
        assert words in " ".join(done.out.split())  # however wide the screen is
    assert inside("explain", "optimizers/lion").out == done.out


def test_an_activation_is_drawn_within_72_columns(inside: Callable[..., Done]) -> None:
    done = inside("explain", "sigmoid")
    assert done.code == 0, done.text
    drawn = [line for line in done.out.splitlines() if re.search("[\u2801-\u28ff]", line)]
    assert len(drawn) >= 16
    assert max(map(len, drawn)) <= 72
    assert re.search(r"zero centred +no +no ", done.out)


def test_a_name_of_two_families_is_explained_in_both(inside: Callable[..., Done]) -> None:
    done = inside("explain", "lookahead")
    assert done.code == 0, done.text
    assert done.out.startswith("lookahead is in 2 families: averages/lookahead, optimizers/lookahead. One alone: ")
    assert "\naverages/lookahead\n" in done.out and "\noptimizers/lookahead\n" in done.out
    assert [one["family"] for one in json.loads(inside("explain", "lookahead", "--json").out)] == [
        "averages",
        "optimizers",
    ]


def test_explained_as_json(inside: Callable[..., Done]) -> None:
    (one,) = json.loads(inside("explain", "relu", "--json").out)
    assert one["family"] == "activations" and one["id"] == "relu"
    facts = {fact["name"]: (fact["stated"], fact["computed"]) for fact in one["facts"]}
    assert facts["range"] == ([0.0, "inf"], [0.0, "inf"])
    assert facts["zero_centred"] == (False, False)
    assert one["edits"][-1] == "model.activation=relu"


def test_one_of_ones_own_is_explained(program: Program) -> None:
    (program.cwd / "mine.py").write_text(WAVY)
    done = program("explain", "activations/mine:Wavy")
    assert done.code == 0, done.text
    for words in ("A wave on a slope.", "you are at sea", "height: float, 2 by default", "Of the wave, inversely."):
        assert words in done.out
    assert re.search(r"monotone +yes ", done.out)  # computed: its slope is 1 + cos(x) / 2
    assert "model.activation=mine:Wavy" in done.out
    program("explain", "activations/mine:Wavyy").refused("Did you mean 'Wavy'")
    program("explain", "activations/yours:Wavy").refused("cannot be imported")


def test_unknown_names_are_refused_with_the_nearest(inside: Callable[..., Done]) -> None:
    inside("explain", "dropot").refused("no technique called 'dropot'", "Did you mean 'dropout'")
    inside("explain", "losses/hubber").refused("no loss called 'hubber'", "Did you mean 'huber'")
    inside("explain", "sgd-zigzagg").refused("no claim called 'sgd-zigzagg'", "Did you mean 'sgd-zigzag'")
    inside("list", "optimiser").refused("no family called 'optimiser'", "Did you mean 'optimizers'")
    inside("explain", "losses").refused("is a family", "trainwell list losses")
    inside("explain").refused("NAME")


def test_text_goes_where_there_is_no_braille(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from trainwell.cli.main import main; main()", "explain", "tanh"],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    drawn = done.stdout.decode("ascii")
    assert "*****" in drawn
    assert max(len(line) for line in drawn.splitlines() if "***" in line) <= 72
