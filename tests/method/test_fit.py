"""`fit` in Python: one's own network, arrays and data sets; resume; options that cannot be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from trainwell import Options, Recipe, Run, fit
from trainwell.errors import BadData, BadRun, BadValue, OutOfMemory, UnknownName
from trainwell.method.screen import Silent
from trainwell.record import read_record

SHORT = ["epochs=6", "batch_size=32", "threads=1"]
NO_CHECKS = Options(checks=False)


class Squares(Dataset):
    """Points inside or outside a circle, read one by one."""

    def __init__(self, count: int = 200) -> None:
        self.x = np.random.default_rng(0).uniform(-1, 1, (count, 2)).astype(np.float32)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
        return self.x[row], int((self.x[row] ** 2).sum() > 0.6)


def network(inputs: int = 2, outputs: int = 2, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(inputs, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, outputs))


def assert_holds(model: nn.Module, run: Run) -> None:
    weights = run.weights()
    assert all(torch.equal(value.cpu(), weights[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(lambda: Squares(), id="dataset"),
        pytest.param(lambda: TensorDataset(torch.from_numpy(Squares().x), torch.arange(200) % 2), id="tensors"),
        pytest.param(lambda: (Squares().x, np.arange(200) % 2), id="arrays"),
    ],
)
def test_a_network_of_ones_own_is_checked_and_trained(source: Callable[[], Any], tmp_path: Path) -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run = fit(source(), SHORT, model=model, out=tmp_path / "run")
    assert {line["probe"] for line in run.record("check")} == {"initial_loss", "overfit"}
    assert len(run.record("rate")) == 1
    assert len(run.record("epoch")) == 6
    assert run.recipe.model.args["network"] == "Sequential"
    assert not torch.equal(model.state_dict()["0.weight"], before["0.weight"])
    assert_holds(model, run)
    with pytest.raises(BadRun, match="trained with a network of one's own"):
        run.model()
    assert_holds(run.model(network(seed=5)), run)


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A run stopped by an error of the data set goes on, and ends as the one that never stopped."""

    class Breaks(Squares):
        left = 10**9

        def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
            self.left -= 1
            if self.left < 0:
                raise ConnectionError("gone")
            return super().__getitem__(row)

    data = Breaks()
    with pytest.raises(ConnectionError):
        data.left = 200 * 4 + 600
        fit(data, SHORT, model=network(), out=tmp_path / "stopped", options=NO_CHECKS)
    stopped = Run(tmp_path / "stopped")
    assert 0 < len(stopped.record("epoch")) < 6
    data.left = 10**9
    model = network(seed=9)  # its weights are replaced by those of the checkpoint
    fit(data, SHORT, model=model, out=tmp_path / "stopped", resume=True, options=NO_CHECKS)
    reference = fit(data, SHORT, model=network(), out=tmp_path / "whole", options=NO_CHECKS)
    weights = reference.weights()
    assert all(torch.equal(value, weights[name]) for name, value in stopped.weights().items())
    assert_holds(model, stopped)


def test_a_table_goes_on_too(tmp_path: Path) -> None:
    short = fit("iris", SHORT, out=tmp_path / "run", options=NO_CHECKS)
    assert short.recipe.layout == "contiguous"
    longer = fit("iris", ["epochs=8", *SHORT[1:]], out=tmp_path / "run", resume=True, options=NO_CHECKS)
    assert [round(line["epoch"]) for line in longer.record("epoch")] == list(range(1, 9))
    assert "heldout_accuracy" in longer.verdict["scores"]


def test_a_finished_run_gives_its_weights_to_the_network(tmp_path: Path) -> None:
    fit(Squares(), SHORT, model=network(), out=tmp_path / "run", options=NO_CHECKS)
    model = network(seed=3)
    run = fit(Squares(), SHORT, model=model, out=tmp_path / "run", resume=True, options=NO_CHECKS)
    assert_holds(model, run)


def test_values_to_predict(tmp_path: Path) -> None:
    x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    y = x @ torch.tensor([1.0, -2.0, 0.5]) * 40 + 7
    model = nn.Linear(3, 1)
    run = fit((x, y), ["epochs=30", "optimizer.lr=0.05"], model=model, out=tmp_path / "run", options=NO_CHECKS)
    assert run.verdict["scores"]["valid_r2"] > 0.95
    assert read_record(run.path, "epoch")[-1]["train_r2"] > 0.95


@pytest.mark.parametrize("count", [33, 65])
def test_one_sample_left_over_does_not_break_batch_norm(count: int, tmp_path: Path) -> None:
    data = TensorDataset(torch.randn(count + 4, 2), torch.arange(count + 4) % 2)
    run = fit(data, [*SHORT, f"valid_fraction={4 / (count + 4)}"], model=network(), out=tmp_path / "run")
    assert run.data["splits"]["train"]["rows"] == count
    assert len(run.record("epoch")) == 6
    assert all(tensor.isfinite().all() for tensor in run.weights().values() if tensor.is_floating_point())


def test_what_a_network_must_give(tmp_path: Path) -> None:
    def refused(model: nn.Module, *words: str) -> None:
        with pytest.raises(BadValue) as caught:
            fit(Squares(), SHORT, model=model, out=tmp_path / "run")
        assert all(word in str(caught.value) for word in words), caught.value
        assert not (tmp_path / "run").exists()

    class Pair(nn.Linear):
        def forward(self, x: Tensor) -> Any:
            return x, x

    refused(nn.Linear(3, 2), "The network (Linear) fails on a batch of shape (2, 2)", "RuntimeError")
    refused(nn.Linear(2, 5), "gives (2, 5)", "expected (2, 2): one output for each class")
    refused(Pair(2, 2), "gives tuple, expected a tensor")


def test_data_that_cannot_be_read(tmp_path: Path) -> None:
    class Once(IterableDataset):
        def __iter__(self) -> Any:
            return iter(())

    with pytest.raises(BadData, match="iterable-style"):
        fit(Once(), model=network(), out=tmp_path / "run")
    with pytest.raises(BadData, match="Expected the path of"):
        fit(3.5, out=tmp_path / "run")


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    recipe = Recipe(
        model={"name": "mlp", "widths": (8,)},
        loss="cross_entropy",
        optimizer="adam",
        schedule="constant",
        epochs=2,
        batch_size=16,
        preprocess="none",
        seed=3,
    )
    run = fit("iris", ["epochs=3"], recipe=recipe, out=tmp_path / "run", options=NO_CHECKS)
    assert run.recipe.epochs == 3
    assert run.recipe.optimizer.name == "adam"
    assert run.recipe.seed == 3
    assert run.record("note")[0]["text"] == "recipe given"


def test_a_rate_that_is_not_pinned_follows_the_range_test(tmp_path: Path) -> None:
    recipe = Recipe(
        model={"name": "mlp", "widths": (16,)},
        loss="cross_entropy",
        optimizer={"name": "sgd", "lr": 30.0},
        schedule="constant",
        epochs=2,
        batch_size=16,
        preprocess="standardize",
    )
    run = fit("iris", recipe=recipe, out=tmp_path / "run")
    (line,) = run.record("rate")
    assert line["recipe"] == 30.0
    assert run.recipe.optimizer.args["lr"] == line["chosen"] < 10.0
    (finding,) = (finding for finding in run.findings if finding["problem"] == "learning-rate")
    assert finding["severity"] == "note"
    assert "optimizer.lr=30 lies outside the interval" in finding["message"]


@pytest.mark.parametrize(("lr", "warned"), [(0.1, False), (1.0, True)])
def test_a_range_test_that_sees_divergence_alone_warns_near_it(tmp_path: Path, lr: float, warned: bool) -> None:
    """Labels of chance: no rate lowers the loss, and high ones diverge."""
    rng = np.random.default_rng(0)
    noise = {"x": rng.normal(size=(300, 8)).astype(np.float32), "y": rng.integers(0, 2, 300)}
    recipe = Recipe(
        model={"name": "mlp", "widths": (64,)},
        loss="cross_entropy",
        optimizer={"name": "sgd", "lr": lr},
        schedule="constant",
        epochs=1,
        batch_size=16,
        preprocess="standardize",
    )
    run = fit(noise, recipe=recipe, out=tmp_path / "run")
    (line,) = run.record("rate")
    assert not line["ok"] and (line["diverges"] < 3 * lr) is warned
    assert ("learning-rate" in {finding["problem"] for finding in run.findings}) is warned


def test_a_rate_above_the_interval_that_trains_all_the_same_stays(tmp_path: Path) -> None:
    recipe = Recipe(
        model={"name": "mlp", "widths": (64, 64), "norm": "batch"},
        loss="cross_entropy",
        optimizer={"name": "sgd", "lr": 1.5},
        schedule="cosine",
        epochs=2,
        batch_size=64,
        preprocess="standardize",
    )
    run = fit("digits", recipe=recipe, out=tmp_path / "run")
    (ranged,) = run.record("rate")
    assert ranged["diverges"] < 3 * 1.5, "the range test alone would move it"
    (tried,) = (line for line in run.record("check") if line["probe"] == "rate_trial")
    assert tried["ok"]
    assert tried["lr"] == ranged["chosen"] == run.recipe.optimizer.args["lr"] == 1.5
    assert not [finding for finding in run.findings if finding["problem"] == "learning-rate"]


def test_early_stopping_gives_the_best_weights_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = {"x": rng.normal(size=(300, 8)).astype(np.float32), "y": rng.integers(0, 2, 300)}
    edits = ["patience=3", "epochs=200", "monitor=valid_loss", "optimizer.lr=0.02", "average=none"]
    run = fit(noise, edits, out=tmp_path / "run", options=NO_CHECKS)
    lines = run.record("epoch")
    assert run.verdict["stopped_early"]
    assert lines[-1]["epoch"] < 199
    best = min(lines, key=lambda line: line["valid_loss"])
    assert run.verdict["kept_epoch"] == pytest.approx(best["epoch"], abs=1e-3)
    assert run.verdict["scores"]["valid_loss"] == best["valid_loss"]
    assert lines[-1]["epoch"] - best["epoch"] >= 3


def test_a_batch_that_cannot_fit_is_refused_before_it_is_tried(tmp_path: Path) -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x) + 0 * (self.head(x).unsqueeze(-1).expand(-1, -1, 2**24) * 1.0).tanh().mean(-1)

    data = TensorDataset(torch.randn(4000, 2), torch.arange(4000) % 2)
    with pytest.raises(OutOfMemory, match=r"batch_size=3600 needs .* The largest batch that fits is about \d+"):
        fit(data, ["batch_size=3600", "epochs=1", "threads=1"], model=Wide(), out=tmp_path / "run", options=NO_CHECKS)


def test_options_that_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="give one of them"):
        fit("iris", out=tmp_path, resume=True, force=True)
    with pytest.raises(BadValue, match="needs the run to go on with"):
        fit("iris", resume=True)
    with pytest.raises(BadRun, match="no run to go on with"):
        fit("iris", out=tmp_path, resume=True)
    with pytest.raises(UnknownName, match="Did you mean 'iris'"):
        fit("irs", out=tmp_path)


def test_new_folders_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [fit("iris", ["epochs=1"], options=NO_CHECKS).path for _ in range(2)]
    assert paths == [Path("runs/iris-1"), Path("runs/iris-2")]


def test_the_process_is_left_as_it_was(tmp_path: Path) -> None:
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit("iris", SHORT, out=tmp_path / "run")
    assert torch.equal(torch.rand(3), expected)
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (threads, precision)


def test_a_screen_is_told_of_every_epoch(tmp_path: Path) -> None:
    class Remembers(Silent):
        def __init__(self) -> None:
            self.epochs: list[float] = []
            self.said: list[str] = []

        def scored(self, line: dict[str, Any]) -> None:
            self.epochs.append(line["epoch"])

        def say(self, text: str) -> None:
            self.said.append(text)

    screen = Remembers()
    run = fit("iris", SHORT, out=tmp_path / "run", options=NO_CHECKS, screen=screen)
    assert screen.epochs == [line["epoch"] for line in run.record("epoch")]
    folder = tmp_path / "run"
    assert screen.said[-2:] == [f"run folder: {folder}", f"report: {folder / 'report.html'}"]
