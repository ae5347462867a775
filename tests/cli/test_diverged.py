"""A loss that is not finite ends the run at once."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import TensorDataset

from trainwell import Options, Run, fit
from trainwell.errors import Diverged
from trainwell.record import read_record

from .conftest import Done, Program

FAR_TOO_HIGH = ("model=mlp", "optimizer.lr=1e30", "clip=none")


def test_a_rate_far_too_high(program: Program, quarters: Path) -> None:
    done = program("fit", quarters, *FAR_TOO_HIGH, "epochs=4", "--no-checks", "--out", "run")
    done.refused("The loss became", "at step", "at learning rate", "last finite loss was", code=1)
    assert "no weights to keep. Lower the rate (optimizer.lr)" in done.err
    stored = json.loads((program.cwd / "run" / "findings.json").read_text())
    assert not stored["verdict"]["healthy"]
    (finding,) = (f for f in stored["findings"] if f["problem"] == "divergence")
    assert finding["severity"] == "error"
    assert "no weights to keep" in finding["message"]
    told = [line["problem"] for line in read_record(program.cwd / "run", "finding")]
    assert told == ["rate_for_batch", "divergence"]  # warned before the first step, and so it came
    program("evaluate", "run", quarters).refused("has no weights yet")


@pytest.mark.parametrize(
    ("keep", "words"),
    [("best", "the best weights so far are kept"), ("last", "the last weights that were scored are kept")],
)
def test_weights_of_before_are_kept(keep: str, words: str, inside: Callable[..., Done], tmp_path: Path) -> None:
    """The rate rises from nothing, so that the first epochs are finite."""
    rising = ("optimizer=sgd", "optimizer.lr=2", "warmup=0.99", "start=0", "clip=none", "average=none", "epochs=100")
    call = ("diabetes", *rising, f"keep={keep}", "--no-checks", "--out", "run")
    inside("fit", *call).refused("The loss became", words, code=1)
    assert "is finished: nothing to do" in inside("fit", *call, "--resume").out
    assert read_record(tmp_path / "run", "epoch")
    findings = json.loads((tmp_path / "run" / "findings.json").read_text())["findings"]
    assert words in findings[0]["message"]
    weights = load_file(tmp_path / "run" / "best" / "model.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_an_input_that_is_not_a_number(tmp_path: Path) -> None:
    x, y = torch.randn(80, 4), torch.arange(80) % 2
    x[17, 2] = torch.nan
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    with pytest.raises(Diverged, match=r"The loss became nan at step \d+ of \d+"):
        fit(TensorDataset(x, y), ["epochs=2"], model=network, out=tmp_path / "run", options=Options(checks=False))
    assert not Run(tmp_path / "run").verdict["healthy"]
