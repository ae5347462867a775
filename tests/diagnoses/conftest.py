"""What tests of the doctor share: one thread; curves and evidence made by hand, which hold only what is given."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from trainwell.diagnoses.evidence import Evidence, Facts, Group
from trainwell.probes.training import Curves


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def curves() -> Callable[..., Curves]:
    """(end, **what differs) -> a whole training of 40 steps that scores `end` from the first look to the last."""

    def made(end: float | None = 0.5, **changed: Any) -> Curves:
        known: dict[str, Any] = {
            "planned": 40,
            "taken": 40,
            "losses": (1.0,) * 40,
            "steps": (0, 20, 40),
            "train_loss": (1.0, 0.75, 0.5),
            "train_score": (end,) * 3,
            "valid_loss": (1.0, 0.75, 0.5),
            "valid_score": (end,) * 3,
            "train_running": (1.0, 0.75, 0.5),
            "end": end,
            "train_end": end,
            "broke": None,
        }
        return Curves(**(known | changed))

    return made


@pytest.fixture(scope="session")
def evidence() -> Callable[..., Evidence]:
    """(**what is known) -> evidence of a program of which nothing else is known but its script."""
    facts = Facts(
        task="classification",
        model="Sequential",
        loss="CrossEntropyLoss",
        loss_settings={"reduction": "mean", "label_smoothing": 0.0},
        optimizer="Adam",
        groups=(
            Group(settings={"lr": 0.001, "beta1": 0.875, "eps": 1e-8}, num_parameters=20),
            Group(settings={"lr": 0.01}, num_parameters=3),
        ),
        scheduler="",
        batch_size=16,
        epochs=4,
        steps=40,
        num_train=160,
        num_valid=80,
        own_valid=True,
        num_parameters=23,
        has_build=False,
        random_frozen=(),
        penalty=None,
    )

    def made(**known: Any) -> Evidence:
        names = (name for name in Evidence.__dataclass_fields__ if name != "version")
        nothing: dict[str, Any] = dict.fromkeys(names) | {"facts": facts, "looks": (), "trials": {}, "unseen": ()}
        return Evidence(**(nothing | {"trial_steps": 0} | known))

    return made


@pytest.fixture(scope="session")
def ring() -> Callable[..., tuple[Any, ...]]:
    """(seed, lr) -> a script whose points lie within a circle (class 1) or around it: no line tells them apart."""

    def points(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(128, 2, generator=torch.Generator().manual_seed(seed))
        return x, (x.square().sum(1) < 1.4).long()

    def made(seed: int = 0, lr: float = 0.01) -> tuple[Any, ...]:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 2))
        return model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=lr), points(0), points(1), 16, 12

    return made
