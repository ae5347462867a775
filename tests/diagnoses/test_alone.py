"""How a training went that nothing can be compared with."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.diagnoses.alone import alone, unlearnt
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import shortfall
from trainwell.diagnoses.watch import watch


def told(losses: list[float], classes: int | None = None) -> Evidence:
    """What a loop shows that has these losses; with `classes`, the first is one of cross entropy."""
    model = nn.Linear(2, classes or 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as doctor:
        for number, value in enumerate(losses):
            loss = torch.tensor(value)
            if number == 0 and classes is not None:
                loss = F.cross_entropy(model(torch.randn(4, 2)), torch.zeros(4, dtype=torch.long))
            doctor.step(loss)
    return doctor.evidence()


@pytest.mark.parametrize(
    ("losses", "wanted"),
    [
        ([4.0, 4.0, 4.0], 1.0),
        ([6.0, 5.0, 5.0], 0.5),
        ([6.0, 4.0, 4.0], 0.0),
        ([4.0, 1.0, 0.5], 0.0),
        ([4.0, 9.0, 9.0], 1.0),
        ([4.0, math.nan], 1.0),
        ([-4.0, -5.0], None),
        ([], None),
    ],
)
def test_the_loss_tells_by_how_far_it_has_come_down(losses: list[float], wanted: float | None) -> None:
    evidence = told(losses)
    assert alone(evidence)
    expected = None if wanted is None else pytest.approx(wanted)
    assert unlearnt(evidence) == expected
    assert shortfall(evidence) == expected


def test_a_loss_that_started_above_a_constant_answer_is_held_against_that() -> None:
    evidence = told([0.0, 30.0, 30.0], classes=4)
    assert evidence.initial_constant == pytest.approx(math.log(4))
    assert unlearnt(evidence) == 1.0


@pytest.mark.parametrize(
    ("loss", "wanted"),
    [
        (lambda z, y: F.cross_entropy(z, y), math.log(3)),
        (lambda z, y: F.nll_loss(F.log_softmax(z, 1), y), math.log(3)),
        (lambda z, y: F.binary_cross_entropy_with_logits(z[:, 0], y.float().clamp(max=1)), math.log(2)),
        (lambda z, y: F.cross_entropy(z, y, reduction="sum"), None),
        (lambda z, y: F.cross_entropy(z, y) / 4, None),
        (lambda z, y: F.mse_loss(z[:, 0], y.float()), None),
    ],
)
def test_the_loss_of_a_constant_answer_is_told_by_the_graph(loss: object, wanted: float | None) -> None:
    model = nn.Linear(2, 3)
    with watch(model, torch.optim.SGD(model.parameters(), lr=0.1)) as doctor:
        doctor.step(loss(model(torch.randn(6, 2)), torch.tensor([0, 1, 2, 0, 1, 2])))  # type: ignore[operator]
    assert doctor.evidence().initial_constant == (wanted if wanted is None else pytest.approx(wanted))
