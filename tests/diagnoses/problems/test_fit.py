"""Networks that learn too little, or too much of the samples: faulty, clean, and healthy ones that look like it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses.problems import Suspicion, fitted, problems
from trainwell.edits import edits
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]
FIVE = ("rate-/10", "rate-x10", "standardised", "initialised", "adam")


class Blind(nn.Module):
    """Between the first layer and the last the samples are lost: each gets the mean of nothing."""

    def __init__(self, blind: bool) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 24), nn.Linear(24, 6)
        self.blind = blind

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.first(x))
        return self.last(hidden * 0 if self.blind else hidden)


def blobs(model: Callable[[], nn.Module], lr: float = 0.02, random: bool = False) -> Parts:
    """Six blobs on a circle, or labels dealt out at random."""
    torch.manual_seed(0)
    y = torch.arange(240) % 6
    angle = y * torch.pi / 3
    x = 0.2 * torch.randn(240, 2) + torch.stack([angle.sin(), angle.cos()], 1) * 1.5
    y = y[torch.randperm(240)] if random else y
    made = model()
    given = torch.optim.Adam(made.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    return parts(made, loss, given, (x[:160], y[:160]), (x[160:], y[160:]), batch_size=16, epochs=10)


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 6))


def narrow() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 1), nn.ReLU(), nn.Linear(1, 6))


def one_number() -> Parts:
    """A value that depends on one direction only: a single unit in the middle is enough for it."""
    torch.manual_seed(0)
    x = torch.randn(240, 8)
    y = x.sum(1, keepdim=True)
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 1), nn.Linear(1, 16), nn.Linear(16, 1))
    given = torch.optim.Adam(model.parameters(), lr=0.02)
    return parts(model, nn.MSELoss(), given, (x[:160], y[:160]), (x[160:], y[160:]), batch_size=16, epochs=10)


clean = partial(blobs, plain)
bottleneck = partial(blobs, narrow)
slow = partial(blobs, plain, 1e-3)
blind, seeing = partial(blobs, partial(Blind, True)), partial(blobs, partial(Blind, False))
dealt = partial(blobs, plain, 0.02, True)


def test_a_bottleneck(suspect: Ask) -> None:
    found = suspect("underfitting", bottleneck)
    assert found is not None
    assert (found.sign, found.where, found.evidence["width"]) == ("bottleneck", "2", 1)
    assert found.fixes[0] == edits.part("widen")


def test_a_network_that_answers_not_even_its_training_samples(suspect: Ask) -> None:
    found = suspect("underfitting", blind)
    assert found is not None
    assert found.sign == "shortfall"
    assert found.evidence["shortfall"] > 0.5
    assert found.evidence["train"] < 0.25


@pytest.mark.parametrize("program", [clean, one_number, dealt])
def test_a_network_that_learns_what_there_is(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("underfitting", program) is None


def test_whatever_is_tried_nothing_is_learnt(suspect: Ask) -> None:
    found = suspect("cannot-overfit-batch", blind, *FIVE)
    assert found is not None
    assert found.evidence["learnt"] < 0.1


@pytest.mark.parametrize("program", [seeing, slow, dealt])
def test_what_one_of_the_trials_learns_or_nothing_could(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("cannot-overfit-batch", program, *FIVE) is None


def test_too_few_trials_say_nothing(suspect: Ask) -> None:
    assert suspect("cannot-overfit-batch", blind, *FIVE[:2]) is None


def noise(samples: int = 40, share: float = 1.0, epochs: int = 60, **adam: Any) -> Parts:
    """Two classes told by one of twenty features; of the labels a share is dealt out at random."""
    torch.manual_seed(0)
    x = torch.randn(samples + 100, 20)
    y = (x[:, 0] > 0).long()
    x[:, 0] += 2 * (2 * y - 1)
    mixed = torch.rand(len(y)) < share
    y[mixed] = torch.randint(0, 2, (int(mixed.sum()),))
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
    given = torch.optim.Adam(model.parameters(), lr=0.02, **adam)
    seen = (x[:samples], y[:samples]), (x[samples:], y[samples:])
    return parts(model, nn.CrossEntropyLoss(), given, *seen, batch_size=20, epochs=epochs)


heart = noise
few_but_easy = partial(noise, share=0.0)
many = partial(noise, samples=1600, share=0.2, epochs=1)


def test_samples_learnt_by_heart(suspect: Ask) -> None:
    found = suspect("overfitting", heart)
    assert found is not None
    assert found.sign == "rise"
    assert found.evidence["gap"] > 0.4
    assert found.evidence["rise"] > 3
    assert found.fixes[0] == edits.part("regularise")


@pytest.mark.parametrize("program", [few_but_easy, many, slow])
def test_samples_that_teach_what_they_have_in_common(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("overfitting", program) is None


def test_nothing_left_to_learn_in_samples_that_others_do_not_resemble(
    evidence: Callable[..., Any], curves: Callable[..., Any]
) -> None:
    """The validation loss has not risen, but training samples are all answered and of the others under a half."""

    def judged(end: float, train_end: float) -> Suspicion | None:
        seen = evidence(watched=curves(end, train_end=train_end))
        found: Suspicion | None = problems["overfitting"].make(seen, fitted()["overfitting"].limits)
        return found

    found = judged(0.4, 1.0)
    assert found is not None
    assert found.sign == "by-heart"
    assert judged(0.98, 1.0) is None
    assert judged(0.2, 0.8) is None  # it has not learnt its own samples either
