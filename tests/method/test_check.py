"""The checks on a setup: what they judge, and that they leave it as it was."""

from pathlib import Path

import pytest
import torch

from trainwell import Options, check
from trainwell.data.open import open_data
from trainwell.errors import BadRun
from trainwell.method.check import check_setup
from trainwell.method.screen import Silent
from trainwell.recipes import choose
from trainwell.record import RunFolder
from trainwell.report.words import duration
from trainwell.training.engine import Engine
from trainwell.training.setup import set_up, shape_of

ENGINE = Engine(torch.device("cpu"), "fp32", "contiguous", False, 1)


def test_the_setup_is_left_as_it_was() -> None:
    data = open_data("iris")
    recipe, _ = choose(shape_of(data))
    setup = set_up(data, recipe, torch.device("cpu"))
    before = {name: value.clone() for name, value in setup.model.state_dict().items()}
    state = torch.get_rng_state()
    lines: list[tuple[str, dict]] = []
    check_setup(setup, ENGINE, lambda kind, **values: lines.append((kind, values)), Silent(), rate_pinned=False)
    assert all(torch.equal(value, before[name]) for name, value in setup.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert setup.model.training
    assert all(parameter.grad is None for parameter in setup.model.parameters())
    assert [kind for kind, _ in lines] == ["check", "check", "rate"]


def test_same_seed_same_findings(tmp_path: Path) -> None:
    records = []
    for name in ("a", "b"):
        check("iris", ["threads=1"], out=tmp_path / name)
        records.append((tmp_path / name / "record.jsonl").read_text())
    assert records[0] == records[1]


def test_a_pinned_rate_outside_the_interval_is_a_warning(tmp_path: Path) -> None:
    findings = check("iris", ["optimizer=sgd", "optimizer.lr=5", "threads=1"], out=tmp_path / "run")
    (found,) = (finding for finding in findings if finding.problem == "learning-rate")
    assert found.severity == "warning"
    assert "it is kept, as you set it" in found.message


def test_labels_that_are_noise_are_still_learnt_by_heart(tmp_path: Path) -> None:
    draws = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 10, generator=draws), torch.randint(0, 2, (200,), generator=draws)
    findings = check((x, y), ["threads=1"], out=tmp_path / "run", options=Options())
    assert "overfit-sample" not in [finding.problem for finding in findings]


def test_inputs_that_say_nothing_cannot_be_learnt_by_heart(tmp_path: Path) -> None:
    """The same pixels under both labels: no network tells them apart."""
    x = torch.zeros(100, 8, 8, 3, dtype=torch.uint8)
    x[:, :, :, 0] = (torch.arange(100) // 2 % 5 * 20)[:, None, None]
    y = torch.arange(100) % 2
    data = {"x_train": x[:80], "y_train": y[:80], "x_valid": x[80:] + 1, "y_valid": y[80:]}
    findings = check(data, ["model=mlp", "threads=1"], out=tmp_path / "run")
    (found,) = (finding for finding in findings if finding.problem == "overfit-sample")
    assert found.severity == "error"


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("recipe.json", {})
    with pytest.raises(BadRun, match="holds a run, which the checks would overwrite"):
        check("iris", out=tmp_path)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7320, "2 h 02 min")],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words
