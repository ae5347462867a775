"""A loss that rises, swings or stands still: faulty programs, their clean twins, and healthy ones that look like it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from trainwell.diagnoses.problems import Suspicion
from trainwell.edits import edits
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]


def values(
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    lr: float = 0.01,
    loss: nn.Module | None = None,
    epochs: int = 12,
    **more: Any,
) -> Parts:
    """The sum of four features, with a little noise; a network with a hidden layer."""
    torch.manual_seed(0)
    x = torch.randn(240, 4)
    y = x.sum(1, keepdim=True) + 0.2 * torch.randn(240, 1)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
    given = optimizer(model.parameters(), lr=lr, **more)
    shown = (x[:160], y[:160]), (x[160:], y[160:])
    return parts(model, loss or nn.MSELoss(), given, *shown, batch_size=16, epochs=epochs)


def learnt() -> Parts:
    """A network that is right from the start, fine-tuned at a rate that moves nothing."""
    torch.manual_seed(0)
    x = torch.randn(120, 4)
    y = (x[:, 0] > 0).long()
    model = nn.Sequential(nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[-9.0, 0, 0, 0], [9.0, 0, 0, 0]]))
        model[0].bias.zero_()
    given = torch.optim.SGD(model.parameters(), lr=1e-9)
    return parts(model, nn.CrossEntropyLoss(), given, (x[:80], y[:80]), (x[80:], y[80:]), batch_size=16, epochs=4)


def by_heart() -> Parts:
    """Labels without a connection to the inputs: the validation loss rises for long, that of the training falls."""
    torch.manual_seed(0)
    x, y = torch.randn(80, 10), torch.randint(0, 2, (80,))
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2))
    given = torch.optim.Adam(model.parameters(), lr=0.02)
    return parts(model, nn.CrossEntropyLoss(), given, (x[:40], y[:40]), (x[40:], y[40:]), batch_size=10, epochs=40)


clean = values
uphill = partial(values, torch.optim.SGD, maximize=True)
breaking = partial(values, torch.optim.SGD, lr=1e4)
jumping = partial(values, torch.optim.SGD, 30.0, nn.L1Loss(), 30)
settling = partial(values, torch.optim.SGD, 0.01, nn.L1Loss(), 30)
noisy = partial(values, torch.optim.SGD, 0.1, nn.L1Loss(), 30)
still = partial(values, torch.optim.SGD, lr=1e-9)


@pytest.mark.parametrize(("program", "sign", "fix"), [(uphill, "uphill", "minimise"), (breaking, "rise", "rate")])
def test_a_loss_that_rises(suspect: Ask, program: Callable[[], Parts], sign: str, fix: str) -> None:
    found = suspect("diverging-loss", program)
    assert found is not None
    assert found.sign == sign
    assert found.fixes[0] == edits.part(fix, **found.fixes[0].args)


@pytest.mark.parametrize("program", [clean, noisy, by_heart, still])
def test_a_loss_that_does_not_rise(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("diverging-loss", program) is None


def test_a_loss_that_swings(suspect: Ask) -> None:
    found = suspect("oscillating-loss", jumping)
    assert found is not None
    assert found.evidence["swing"] > 1
    assert found.evidence["shortfall"] > 0.3


@pytest.mark.parametrize("program", [settling, noisy, by_heart])
def test_a_loss_that_settles(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("oscillating-loss", program) is None


def test_a_loss_that_stands_still(suspect: Ask) -> None:
    found = suspect("loss-not-decreasing", still)
    assert found is not None
    assert found.sign == "flat"
    assert abs(found.evidence["fall"]) < 1e-3


@pytest.mark.parametrize("program", [clean, noisy, learnt, by_heart])
def test_a_loss_that_falls_or_has_nothing_to_fall(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("loss-not-decreasing", program) is None
