"""Units that died and activations at their ends: faulty programs, clean twins, and sparse or sure healthy ones."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from trainwell.diagnoses.problems import Suspicion
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]


class Net(nn.Module):
    """Two hidden layers; the activations are modules, or functions that are called."""

    def __init__(self, activation: str, called: bool, width: int) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, width), nn.Linear(width, width), nn.Linear(width, 3)
        self.bend = None if called else {"relu": nn.ReLU(), "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid()}[activation]
        self.called = {"relu": functional.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[activation]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bend = self.bend or self.called
        return self.head(bend(self.second(bend(self.first(x)))))


def net(
    activation: str = "relu",
    bias: float = 0.0,
    factor: float = 1.0,
    lr: float = 0.05,
    called: bool = False,
    scale: float = 1.0,
    epochs: int = 8,
    width: int = 16,
) -> Parts:
    """Three classes of six features; hidden biases start at `bias`, weights at `factor` times torch's start."""
    torch.manual_seed(0)
    x = torch.randn(240, 6)
    y = (x @ torch.randn(6, 3)).argmax(1)
    model = Net(activation, called, width)
    with torch.no_grad():
        for layer in (model.first, model.second):
            layer.weight.mul_(factor)
            layer.bias.fill_(bias)
    given = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return parts(
        model,
        nn.CrossEntropyLoss(),
        given,
        (x[:160] * scale, y[:160]),
        (x[160:] * scale, y[160:]),
        batch_size=16,
        epochs=epochs,
    )


clean, called = net, partial(net, called=True)
dead, dead_called = partial(net, bias=-8.0), partial(net, bias=-8.0, called=True)
killed = partial(net, lr=20.0)
sparse = partial(net, bias=-0.8, factor=2.4, width=64, epochs=20)
unlearnt = partial(net, lr=1e-6)


@pytest.mark.parametrize(("program", "sign"), [(dead, "start"), (dead_called, "start"), (killed, "training")])
def test_units_that_say_the_same_for_all_samples(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("dead-units", program)
    assert found is not None
    assert found.sign == sign
    assert found.evidence["dead"] > 0.8


@pytest.mark.parametrize("program", [clean, called, sparse, unlearnt, partial(net, "tanh", factor=60.0)])
def test_units_that_live_or_are_only_sparse(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("dead-units", program) is None


stuck, stuck_called = partial(net, "tanh", factor=200.0), partial(net, "sigmoid", factor=500.0, called=True)
thrown = partial(net, "tanh", lr=50.0)


@pytest.mark.parametrize(("program", "sign"), [(stuck, "start"), (stuck_called, "start"), (thrown, "training")])
def test_activations_at_their_ends(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("saturated-activations", program)
    assert found is not None
    assert found.sign == sign
    assert found.evidence["flat"] > 0.6


def sure() -> Parts:
    """A sigmoid at the output that is sure, and right."""
    torch.manual_seed(0)
    x = torch.randn(240, 2)
    y = (x[:, :1] > 0).float()
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid())
    given = torch.optim.Adam(model.parameters(), lr=0.1)
    return parts(model, nn.BCELoss(), given, (x[:160], y[:160]), (x[160:], y[160:]), batch_size=16, epochs=20)


@pytest.mark.parametrize("program", [clean, partial(net, "tanh"), sure, dead])
def test_activations_with_slopes_or_flat_by_design(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("saturated-activations", program) is None
