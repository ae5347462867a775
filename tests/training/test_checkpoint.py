"""A run that was stopped and resumed equals the uninterrupted one, bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from trainwell.errors import BadRun
from trainwell.measurements import measurements
from trainwell.record import CHECKPOINT, RunFolder
from trainwell.training.checkpoint import restore, state_of, weights_of
from trainwell.training.interrupt import Stop
from trainwell.training.loop import Trainer

MLP = {"name": "mlp", "widths": [32], "dropout": "dropout", "norm": "batch"}
CONVNET = {"name": "convnet", "width": 4, "dropout": "dropout"}
NESTEROV = {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}
IMAGES = {"layout": "channels_last", "augment": ["flip", "crop", "cutout", "mixup"], "norm_bias_rate": 8.0}

CASES: dict[str, dict[str, Any]] = {
    "sgd": {"model": MLP, "optimizer": NESTEROV},
    "adamw-ema": {"model": MLP, "optimizer": "adamw", "average": {"name": "ema", "decay": 0.9}},
    "adam-lookahead": {"model": MLP, "optimizer": "adam", "average": {"name": "lookahead", "every": 3}},
    "conv-sgd-lookahead": {"model": CONVNET, "optimizer": NESTEROV, "average": "lookahead", **IMAGES},
    "conv-bf16-adamw-ema": {"model": CONVNET, "optimizer": "adamw", "average": "ema", "precision": "bf16", **IMAGES},
    "conv-bf16-sgd": {"model": CONVNET, "optimizer": NESTEROV, "precision": "bf16", **IMAGES},
}


class Stopping:
    """A progress that asks for a stop after a step, as a signal would."""

    def __init__(self, at: int) -> None:
        self.stop, self._at = Stop(), at

    def step(self, step: int, *_: Any) -> None:
        if step == self._at:
            self.stop.signal_name = "SIGTERM"

    def scored(self, line: dict[str, Any]) -> None:
        pass


def resumed_equals_straight(make: Callable[[int], Trainer], kept: Any, folder: RunFolder, at: int) -> None:
    """Compare a run to one that was stopped, written to a file, and read into a fresh trainer."""
    keeper = type(kept)
    straight, whole = make(0), keeper()
    straight.run(whole, Stopping(-1))

    first, before, stopping = make(0), keeper(), Stopping(at)
    first.run(before, stopping, stopping.stop)
    assert first.step == at
    folder.write_tensors(CHECKPOINT, *before.saved)
    torch.rand(7)  # the world goes on
    second, after = make(1), keeper()  # other initial weights: all must come from the file
    restore(second, *folder.read_tensors(CHECKPOINT))
    assert second.step == at
    second.run(after, Stopping(-1))

    assert before.lines + after.lines == whole.lines
    tensors, state = state_of(straight)
    resumed, resumed_state = state_of(second)
    assert resumed.keys() == tensors.keys()
    for name, value in tensors.items():
        assert torch.equal(resumed[name], value), name
    assert {k: v for k, v in resumed_state.items() if k != "seconds"} == {
        k: v for k, v in state.items() if k != "seconds"
    }
    kept_steps = [step for step, _ in before.kept + after.kept]
    assert kept_steps == [step for step, _ in whole.kept]
    last_kept = (before.kept + after.kept)[-1][1]
    assert all(torch.equal(last_kept[name], value) for name, value in whole.kept[-1][1].items())


@pytest.mark.parametrize("at", [1, 5, 9])
@pytest.mark.parametrize("case", CASES)
def test_resumed_in_mid_epoch(make: Callable[..., Trainer], kept: Any, tmp_path: Path, case: str, at: int) -> None:
    measured = {member.id: measurements.bind(member.id) for member in measurements}

    def build(init: int) -> Trainer:
        return make(**CASES[case], init=init, measurements=measured, measure_every=2)

    resumed_equals_straight(build, kept, RunFolder(tmp_path), at)


def test_random_layers_that_are_not_ours_resume_too(make: Callable[..., Trainer], kept: Any, tmp_path: Path) -> None:
    def build(init: int) -> Trainer:
        torch.manual_seed(init)
        return make(nn.Sequential(nn.Linear(64, 32), nn.Dropout(0.5), nn.ReLU(), nn.Linear(32, 10)))

    resumed_equals_straight(build, kept, RunFolder(tmp_path), 5)


def test_patience_is_remembered(make: Callable[..., Trainer], kept: Any, tmp_path: Path) -> None:
    def build(init: int) -> Trainer:
        return make(init=init, multipliers=[0.0] * 40, epoch_steps=list(range(2, 41, 2)), patience=2)

    resumed_equals_straight(build, kept, RunFolder(tmp_path), 5)


def test_no_random_state_is_saved(make: Callable[..., Trainer]) -> None:
    trainer = make(MLP, "adamw", average="ema")
    for _ in range(3):
        trainer.advance()
    tensors, state = state_of(trainer)
    kinds = {name.partition(".")[0] for name in tensors}
    assert kinds == {"model", "optimizer", "average", "loop"}
    assert state["step"] == 3
    assert all(value.dtype != torch.uint8 for value in tensors.values())


def test_moments_lie_in_memory_as_their_weights_do(make: Callable[..., Trainer], tmp_path: Path) -> None:
    given: dict[str, Any] = {"model": CONVNET, "optimizer": NESTEROV, **IMAGES}
    trainer, fresh = make(**given), make(**given)
    trainer.advance()
    folder = RunFolder(tmp_path)
    folder.write_tensors(CHECKPOINT, *state_of(trainer))
    restore(fresh, *folder.read_tensors(CHECKPOINT))
    strides = 0
    for parameter, state in fresh.optimizer.state.items():
        assert state["momentum_buffer"].stride() == parameter.stride()
        strides += parameter.dim() == 4 and parameter.stride(1) == 1
    assert strides > 0


def test_a_checkpoint_of_another_network_is_refused(make: Callable[..., Trainer]) -> None:
    tensors, state = state_of(make({"name": "mlp", "widths": [8]}))
    with pytest.raises(BadRun, match=r"belongs to another network: they differ in .*weight.* Start anew with --force"):
        restore(make({"name": "mlp", "widths": [9]}), tensors, state)


def test_tied_weights_are_saved_under_each_name(tmp_path: Path) -> None:
    model = nn.ModuleDict({"a": nn.Linear(3, 3, bias=False), "b": nn.Linear(3, 3, bias=False)})
    model["b"].weight = model["a"].weight
    folder = RunFolder(tmp_path)
    folder.write_tensors("best/model.safetensors", weights_of(model), {})
    read, _ = folder.read_tensors("best/model.safetensors")
    assert torch.equal(read["a.weight"], model.get_parameter("a.weight"))
    assert torch.equal(read["b.weight"], model.get_parameter("a.weight"))
