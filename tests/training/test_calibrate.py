"""Calibration: what may be chosen, what is refused, and that it leaves no trace but its cache."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.dropouts import dropouts
from trainwell.training.calibrate import Calibration, calibrate, choice
from trainwell.training.machine import usable_threads

CPU = torch.device("cpu")


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.BatchNorm2d(8),
            dropouts.build("dropout"),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(288, 4),
        )


X = torch.rand(300, 3, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(300) % 4


def run(model: nn.Module | None = None, x: Tensor = X, y: Tensor = Y, **options: Any) -> Calibration:
    given: dict[str, Any] = {"device": CPU, "batch_size": 32, "steps": 100, "threads": 1}
    return calibrate(model or network(), functional.cross_entropy, x, y, **(given | options))


def test_the_choice_is_one_that_was_timed_and_worth_it() -> None:
    found = run()
    assert set(found.timed) == {
        f"{precision}/{layout}/1t" for precision in ("fp32", "bf16") for layout in ("contiguous", "channels_last")
    }
    chosen = f"{found.precision}/{found.layout}/1t"
    assert found.gain == pytest.approx(found.timed["fp32/contiguous/1t"] / found.timed[chosen])
    assert found.gain == 1.0 if chosen == "fp32/contiguous/1t" else found.gain >= 1.15
    assert found.step_seconds == pytest.approx(found.timed[chosen])
    assert (found.compile, found.threads, found.cached) == (False, 1, False)
    engine = found.engine(CPU)
    assert (engine.precision, engine.layout, engine.threads, engine.device) == (found.precision, found.layout, 1, CPU)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ([1.0], 0),
        ([1.0, 0.9, 0.88], 0),
        ([1.15, 1.1, 1.0], 2),
        ([1.0, 2.0, 0.5], 2),
        ([1.0, 1.2], 0),
        ([3.0, 1.0, 2.0], 1),
    ],
)
def test_a_gain_under_15_percent_keeps_the_plain_way(seconds: list[float], chosen: int) -> None:
    assert choice(seconds) == chosen


def test_what_is_pinned_is_taken_as_it_is() -> None:
    found = run(precision="bf16", layout="channels_last", compile="no", threads=2)
    assert list(found.timed) == ["bf16/channels_last/2t"]
    assert (found.precision, found.layout, found.threads, found.gain) == ("bf16", "channels_last", 2, 1.0)
    assert {name.split("/")[0] for name in run(precision="fp32").timed} == {"fp32"}


def test_a_table_has_no_layout_and_one_thread_is_tried_too() -> None:
    found = run(nn.Linear(5, 4), torch.rand(100, 5), Y[:100], threads=None)
    numbers = {usable_threads(), 1}
    assert set(found.timed) <= {f"{precision}/contiguous/{n}t" for precision in ("fp32", "bf16") for n in numbers}
    assert f"fp32/contiguous/{usable_threads()}t" in found.timed


def test_the_step_of_a_larger_batch_is_reckoned_from_the_samples_timed() -> None:
    found = run(precision="fp32", layout="contiguous", batch_size=512)
    assert found.step_seconds == pytest.approx(4 * found.timed["fp32/contiguous/1t"])  # 128 samples were timed


class LosesItsSign(nn.Module):
    """A network that goes wrong in bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return -out if torch.is_autocast_enabled("cpu") else out


class Overflows(LosesItsSign):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out * float("nan") if torch.is_autocast_enabled("cpu") else out


@pytest.mark.parametrize("kind", [LosesItsSign, Overflows])
def test_a_way_that_changes_the_numbers_is_not_taken(kind: type[nn.Module]) -> None:
    found = run(kind(), torch.rand(100, 5), Y[:100])
    assert list(found.timed) == ["fp32/contiguous/1t"]


def test_the_network_and_the_random_state_are_left_as_they_were() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layout = model.get_parameter("0.weight").stride()
    torch.manual_seed(5)
    random, threads = torch.get_rng_state(), torch.get_num_threads()
    run(model)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.get_parameter("0.weight").stride() == layout
    assert all(p.grad is None for p in model.parameters())


def test_saved_bytes_are_those_of_a_sample() -> None:
    # The input of the layer, and the log-probabilities are the loss's own.
    assert run(nn.Linear(5, 4), torch.rand(32, 5), Y[:32], precision="fp32").saved_bytes == 5 * 4


def test_a_rerun_decides_alike(tmp_path: Path) -> None:
    cache = tmp_path / "calibration"
    first = run(cache=cache)
    [file] = cache.iterdir()
    again = run(cache=cache)
    assert again.cached
    assert not first.cached
    assert vars(again) | {"cached": False} == vars(first)
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"layout": "channels_last", "precision": "bf16"}))
    assert run(cache=cache).engine(CPU).text() == "cpu, bf16, channels last, 1 thread"


def test_another_network_batch_or_pin_is_timed_anew(tmp_path: Path) -> None:
    run(cache=tmp_path)
    assert not run(cache=tmp_path, batch_size=16).cached
    assert not run(cache=tmp_path, precision="fp32").cached
    assert not run(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), cache=tmp_path).cached
    assert len(list(tmp_path.iterdir())) == 4


def test_a_torn_cache_is_timed_anew(tmp_path: Path) -> None:
    run(cache=tmp_path)
    [file] = tmp_path.iterdir()
    for text in ("", "{", '{"precision": "bf16"}', "[]"):
        file.write_text(text)
        assert not run(cache=tmp_path).cached
    assert run(cache=tmp_path).cached


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not run(cache=tmp_path / "file" / "deep").cached
    assert not run(cache=Path("/sys/calibration")).cached
