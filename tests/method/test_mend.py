"""`fit(..., repair=True)`: a recipe at fault is mended, a healthy one stays, and a run goes on with what was mended."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from trainwell import Options, Recipe, Run, fit
from trainwell.errors import BadRun, BadValue, Diverged
from trainwell.method.look import look
from trainwell.method.program import Planned, left_out, program_of
from trainwell.method.screen import Silent
from trainwell.probes.training import train
from trainwell.training.setup import set_up

NO_CHECKS = Options(checks=False)
CPU = torch.device("cpu")
EASY = ("epochs=10", "threads=1", "precision=fp32")


class Lines(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    warn = say


def epochs_of(run: Run) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if key != "seconds"} for line in run.record("epoch")]


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Lines]:
    """A recipe whose rate is far too high, with --repair."""
    lines = Lines()
    out = tmp_path_factory.mktemp("fast") / "run"
    run = fit("iris", [*EASY, "optimizer.lr=30"], repair=True, out=out, options=NO_CHECKS, screen=lines)
    return run, lines


def test_a_rate_that_diverges_is_mended(fast: tuple[Run, Lines], tmp_path: Path) -> None:
    with pytest.raises(Diverged):
        fit("iris", [*EASY, "optimizer.lr=30"], out=tmp_path / "as-it-is", options=NO_CHECKS)
    run, _ = fast
    assert run.verdict["scores"]["valid_accuracy"] >= 0.85
    assert run.recipe.optimizer.args["lr"] < 10


def test_what_was_changed_is_said_and_written_down(fast: tuple[Run, Lines]) -> None:
    run, lines = fast
    stored = json.loads((run.path / "recipe.json").read_text())
    assert stored["mended"] and all(edit.startswith("optimizer") for edit in stored["mended"])
    requested = Recipe.from_json(stored["requested"])
    assert requested.optimizer.args["lr"] == 30.0, "what was asked for stays what it was"
    mended = requested.edit(stored["mended"])
    assert run.recipe.optimizer == mended.optimizer
    assert run.recipe.model == mended.model
    edit = stored["mended"][0]
    said = next(line for line in lines.said if edit in line)
    assert "(was " in said and "90 % interval" in said
    notes = [line["text"] for line in run.record("note")]
    assert said in notes
    assert any("learning-rate-too-high" in note for note in notes)
    assert any("tried without clip, average" in note for note in notes), "what the trials lack is said"


def test_a_mended_run_goes_on_as_it_was_mended(fast: tuple[Run, Lines]) -> None:
    run, _ = fast
    rate, mended = run.recipe.optimizer.args["lr"], json.loads((run.path / "recipe.json").read_text())["mended"]
    more = ["epochs=12", *EASY[1:], "optimizer.lr=30"]
    with pytest.raises(BadValue, match="leave --repair out"):
        fit("iris", more, out=run.path, resume=True, repair=True, options=NO_CHECKS)
    with pytest.raises(BadRun, match="another recipe"):
        fit("iris", ["epochs=12", *EASY[1:], "optimizer.lr=3"], out=run.path, resume=True, options=NO_CHECKS)
    before = len(run.record("epoch"))
    longer = fit("iris", more, out=run.path, resume=True, options=NO_CHECKS)
    assert len(longer.record("epoch")) > before
    assert longer.recipe.optimizer.args["lr"] == rate
    assert json.loads((run.path / "recipe.json").read_text())["mended"] == mended


def test_equal_units_are_mended(tmp_path: Path) -> None:
    fault = [*EASY, "model.skip=false", "model.initializer=zeros"]
    plain = fit("iris", fault, out=tmp_path / "plain", options=NO_CHECKS)
    mended = fit("iris", fault, repair=True, out=tmp_path / "mended", options=NO_CHECKS)
    assert mended.verdict["scores"]["valid_accuracy"] >= plain.verdict["scores"]["valid_accuracy"] + 0.3
    assert mended.recipe.model.args["initializer"].name == "auto"


@pytest.mark.parametrize(
    ("source", "edits"),
    [("iris", EASY), ("digits", ("model=mlp", "model.widths=32", "epochs=5", *EASY[1:]))],
    ids=["iris", "digits"],
)
def test_a_healthy_recipe_is_trained_to_the_same_bits(source: str, edits: tuple[str, ...], tmp_path: Path) -> None:
    lines = Lines()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    with_it = fit(source, edits, repair=True, out=tmp_path / "with", options=NO_CHECKS, screen=lines)
    torch.set_rng_state(state)
    without = fit(source, edits, out=tmp_path / "without", options=NO_CHECKS)
    assert epochs_of(with_it) == epochs_of(without)
    assert all(torch.equal(value, without.weights()[name]) for name, value in with_it.weights().items())
    assert with_it.recipe == without.recipe
    said = [line for line in lines.said if line.startswith("repair: the recipe stays as it is")]
    assert len(said) == 1
    assert said[0] in [line["text"] for line in with_it.record("note")]


def test_a_network_of_ones_own_is_left_as_it_was_until_it_is_trained(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    x = draws.standard_normal((200, 4)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] > 0).astype(np.int64)

    def own() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))

    runs = [
        fit((x, y), EASY, model=own(), repair=repair, out=tmp_path / str(repair), options=NO_CHECKS)
        for repair in (True, False)
    ]
    assert epochs_of(runs[0]) == epochs_of(runs[1])


def test_samples_that_cannot_be_read_again_are_refused(tmp_path: Path) -> None:
    class Noisy(Dataset):
        def __len__(self) -> int:
            return 40

        def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
            return np.random.default_rng().standard_normal(2).astype(np.float32), row % 2

    with pytest.raises(BadValue, match="arrays"):
        fit(Noisy(), EASY, model=nn.Linear(2, 2), repair=True, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_program_has_the_rates_of_the_recipe() -> None:
    edits = ["epochs=4", "optimizer=sgd", "optimizer.lr=0.5", "warmup=0", "schedule=cosine", "penalties=l1"]
    looked = look("iris", edits, Options(), Silent())
    setup = set_up(looked.data, looked.recipe, CPU)
    program = program_of(setup)
    wanted = [0.5 * factor for factor in setup.plan([4.0]).multipliers]
    rates: list[float] = []
    made = program.copy()
    train(made, watch=lambda *_: rates.append(made.optimizer.param_groups[0]["lr"]))
    assert rates[: len(wanted)] == pytest.approx(wanted)
    assert rates[-1] < 0.05, "one multiplier a step, not an epoch"
    assert left_out(setup) == ["clip", "average"]
    x, y = program.train.first(8)
    output = program.model.eval()(x)
    assert program.loss(output, y).item() > setup.loss(output, y).item(), "penalties are a part of the loss"


def test_a_longer_training_stretches_the_schedule() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = Planned(optimizer, [1.0, 0.5])
    scheduler.total_steps = 4
    rates = []
    for _ in range(5):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == [2.0, 2.0, 1.0, 1.0, 1.0]
