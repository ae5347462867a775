"""The doctor in Lightning's loop."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from trainwell.errors import BadValue

lightning = pytest.importorskip("lightning.pytorch")

from trainwell.diagnoses.callbacks import LightningDoctor  # noqa: E402


class Module(lightning.LightningModule):
    """A training as the documentation has it: the step calls a part of the module."""

    def __init__(self, dead: bool = False, fails: bool = False) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
        self.fails = fails
        if dead:
            nn.init.constant_(self.net[0].bias, -100.0)

    def training_step(self, batch: list[Tensor], number: int) -> Tensor:
        if self.fails and number == 3:
            raise ZeroDivisionError
        return F.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], number: int) -> None:  # noqa: ARG002
        self.log("accuracy", (self.net(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def loader() -> DataLoader:
    x = torch.randn(640, 8, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(x, (x.sum(1) > 0).long()), batch_size=32)


def fit(module: Module, doctor: Any, **options: Any) -> None:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(
        max_epochs=3, enable_checkpointing=False, callbacks=[doctor] if doctor else [], **quiet, **options
    )
    trainer.fit(module, loader(), loader())


def test_it_sees_the_training_and_changes_nothing() -> None:
    states = []
    doctor = LightningDoctor(monitor="accuracy")
    for watched in (None, doctor):
        torch.manual_seed(0)
        module = Module()
        fit(module, watched)
        states.append(list(module.state_dict().values()))
    assert all(torch.equal(one, two) for one, two in zip(*states, strict=True))
    evidence = doctor.doctor.evidence()
    assert evidence.watched is not None
    assert (evidence.watched.taken, evidence.watched.planned) == (60, 60)
    assert evidence.watched.end is not None and evidence.watched.end > 0.8
    assert [unit.name for unit in evidence.looks[-1].units] == ["net.1"]
    assert evidence.looks[-1].gradients["net.0.weight"]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


def test_dead_units_are_in_its_evidence() -> None:
    torch.manual_seed(0)
    doctor = LightningDoctor()
    fit(Module(dead=True), doctor)
    assert doctor.doctor.evidence().looks[-1].units[0].dead == 1.0


def test_batches_that_are_accumulated_make_one_step() -> None:
    torch.manual_seed(0)
    doctor = LightningDoctor()
    fit(Module(), doctor, accumulate_grad_batches=4)
    curves = doctor.doctor.evidence().watched
    assert (curves.taken, curves.planned) == (15, 15)
    assert 0.5 < curves.losses[0] < 2.0  # of a batch, not a quarter of it


def test_hooks_go_when_the_training_fails() -> None:
    module, doctor = Module(fails=True), LightningDoctor()
    with pytest.raises(ZeroDivisionError):
        fit(module, doctor)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
    assert doctor.doctor.evidence().watched.taken == 3


def test_before_the_training_there_is_nothing_to_tell() -> None:
    with pytest.raises(BadValue, match="Nothing was watched yet"):
        LightningDoctor().findings()
