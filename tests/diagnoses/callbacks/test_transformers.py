"""The doctor in the loop of Hugging Face's Trainer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.errors import BadValue

transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from trainwell.diagnoses.callbacks import TransformersDoctor  # noqa: E402


class Model(nn.Module):
    """Takes and gives dictionaries, as the trainer wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.net(x)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


def samples() -> list[dict[str, Tensor]]:
    x = torch.randn(320, 8, generator=torch.Generator().manual_seed(0))
    return [{"x": row, "labels": (row.sum() > 0).long()} for row in x]


def fit(model: nn.Module, doctor: Any, folder: Path, **options: Any) -> None:
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=3,
        per_device_train_batch_size=32,
        learning_rate=0.01,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        logging_steps=5,
        eval_strategy="epoch",
        **options,
    )

    def accuracy(found: Any) -> dict[str, float]:
        return {"accuracy": float((found.predictions.argmax(1) == found.label_ids).mean())}

    transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=samples(),
        eval_dataset=samples(),
        compute_metrics=accuracy,
        callbacks=[doctor] if doctor else [],
    ).train()


def test_it_sees_the_training_and_changes_nothing(tmp_path: Path) -> None:
    states = []
    doctor = TransformersDoctor(monitor="eval_accuracy")
    for watched in (None, doctor):
        torch.manual_seed(0)
        model = Model()
        fit(model, watched, tmp_path)
        states.append(list(model.state_dict().values()))
    assert all(torch.equal(one, two) for one, two in zip(*states, strict=True))
    evidence = doctor.doctor.evidence()
    assert evidence.watched is not None
    assert (evidence.watched.taken, evidence.watched.planned) == (30, 30)
    assert evidence.watched.end is not None and evidence.watched.end > 0.8
    assert [unit.name for unit in evidence.looks[-1].units] == ["net.1"]
    assert evidence.looks[-1].updates["net.0.weight"]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_batches_that_are_accumulated_make_one_step(tmp_path: Path) -> None:
    torch.manual_seed(0)
    doctor = TransformersDoctor()
    fit(Model(), doctor, tmp_path, gradient_accumulation_steps=2)
    assert doctor.doctor.evidence().watched.taken == 15


def test_before_the_training_there_is_nothing_to_tell() -> None:
    with pytest.raises(BadValue, match="Nothing was watched yet"):
        TransformersDoctor().findings()
