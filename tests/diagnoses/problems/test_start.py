"""How weights start: too small, too large, by the wrong rule, and what that does to loss and gradient."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from trainwell.diagnoses.problems import Suspicion
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]


def stack(
    depth: int = 2,
    std: float | None = None,
    bias: float | None = None,
    activation: type[nn.Module] = nn.ReLU,
    norm: bool = False,
    head: float | None = None,
    width: int = 16,
    lr: float = 0.05,
) -> Parts:
    """Three classes of six features; hidden layers with He's start, or with weights of `std` times that and a bias."""
    torch.manual_seed(0)
    x = torch.randn(260, 6)
    y = (x @ torch.randn(6, 3)).argmax(1)
    sizes = [6, *[width] * depth]
    layers: list[nn.Module] = []
    for size in sizes[:-1]:
        layer = nn.Linear(size, width)
        nn.init.normal_(layer.weight, 0.0, (1.0 if std is None else std) * (2 / size) ** 0.5)
        nn.init.constant_(layer.bias, 0.0 if bias is None else bias)
        layers += [layer, *([nn.BatchNorm1d(width)] if norm else []), activation()]
    last = nn.Linear(width, 3)
    if head is not None:
        nn.init.normal_(last.weight, 0.0, head)
    model = nn.Sequential(*layers, last)
    given = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return parts(model, nn.CrossEntropyLoss(), given, (x[:160], y[:160]), (x[160:], y[160:]), batch_size=16, epochs=10)


clean, deep = stack, partial(stack, depth=8, lr=0.02)
small, faint = partial(stack, std=0.003), partial(stack, depth=12, std=0.25, lr=0.02)
large, swelling = partial(stack, std=40.0), partial(stack, depth=8, std=2.9, lr=0.02)
tanh_large = partial(stack, activation=nn.Tanh, std=30.0, depth=3)
normed, normed_small = partial(stack, std=40.0, norm=True), partial(stack, std=0.003, norm=True)
resting = partial(stack, head=0.0)
biased = partial(stack, bias=-12.0)
torchs = partial(stack, std=0.4)
sigmoids = partial(stack, depth=8, activation=nn.Sigmoid, lr=0.05)
sigmoid = partial(stack, depth=1, activation=nn.Sigmoid, lr=0.2)


@pytest.mark.parametrize(("program", "sign"), [(small, "layer"), (faint, "stack")])
def test_weights_too_small(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("init-too-small", program, "initialised")
    assert found is not None
    assert found.sign == sign
    assert found.fixes[0].name == "initialise"


@pytest.mark.parametrize("program", [clean, deep, normed_small, resting, torchs, large, biased, sigmoids])
def test_weights_not_too_small(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("init-too-small", program, "initialised") is None


strong = partial(stack, head=100.0)


@pytest.mark.parametrize(
    ("program", "sign"), [(large, "layer"), (tanh_large, "layer"), (swelling, "stack"), (strong, "head")]
)
def test_weights_too_large(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("init-too-large", program, "initialised")
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize("program", [clean, deep, normed, small])
def test_weights_not_too_large(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("init-too-large", program, "initialised") is None


@pytest.mark.parametrize(("program", "sign"), [(biased, "bias"), (faint, "weights"), (large, "weights")])
def test_start_of_another_rule(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("init-mismatch", program, "initialised")
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize("program", [clean, deep, normed, torchs])
def test_start_that_fits(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("init-mismatch", program, "initialised") is None


def values(scale: float = 1.0, centre: float = 0.0, lr: float = 0.01) -> Parts:
    """A regression whose targets are scaled and shifted."""
    torch.manual_seed(0)
    x = torch.randn(240, 6)
    y = (x.sum(1, keepdim=True) + centre) * scale
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
    given = torch.optim.Adam(model.parameters(), lr=lr)
    return parts(model, nn.MSELoss(), given, (x[:160], y[:160]), (x[160:], y[160:]), batch_size=16, epochs=10)


raw, offset = partial(values, scale=100.0, centre=8.0), partial(values, centre=2.5, lr=0.03)


@pytest.mark.parametrize(("program", "sign"), [(strong, "outputs"), (raw, "targets")])
def test_first_loss_far_off(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("initial-loss-off", program)
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize("program", [clean, values, offset])
def test_first_loss_as_it_should_be_or_soon_forgotten(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("initial-loss-off", program) is None


@pytest.mark.parametrize(("program", "sign"), [(sigmoids, "slope"), (faint, "weights")])
def test_gradient_that_vanishes(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("vanishing-gradient", program)
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize("program", [clean, deep, sigmoid, resting, partial(stack, depth=2, width=1)])
def test_gradient_that_arrives_or_a_net_that_is_too_narrow(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("vanishing-gradient", program) is None


class Recurrent(nn.Module):
    """The last place of a recurrent layer, and a linear one."""

    def __init__(self, layer: type[nn.RNNBase]) -> None:
        super().__init__()
        self.layer, self.head = layer(1, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x)[0][:, -1])


def sequences(length: int, layer: type[nn.RNNBase] = nn.RNN, epochs: int = 3) -> Parts:
    """Which sign the first of several numbers has: what comes after it says nothing."""
    torch.manual_seed(0)
    x = torch.randn(120, length, 1)
    y = (x[:, 0, 0] > 0).long()
    model = Recurrent(layer)
    given = torch.optim.Adam(model.parameters(), lr=0.02)
    return parts(model, nn.CrossEntropyLoss(), given, (x[:80], y[:80]), (x[80:], y[80:]), batch_size=20, epochs=epochs)


long, gated, short = partial(sequences, 60), partial(sequences, 60, nn.LSTM), partial(sequences, 3, epochs=20)


def test_a_plain_recurrent_layer_over_many_places(suspect: Ask) -> None:
    found = suspect("vanishing-gradient", long)
    assert found is not None
    assert found.sign == "recurrent"
    assert found.evidence["places"] == 60
    assert suspect("vanishing-gradient", gated) is None
    assert suspect("vanishing-gradient", short) is None


@pytest.mark.parametrize(("program", "sign"), [(swelling, "start"), (partial(stack, lr=30.0), "training")])
def test_gradient_that_explodes(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("exploding-gradient", program, "initialised")
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize("program", [clean, deep, raw])
def test_gradient_that_stays_in_bounds(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("exploding-gradient", program, "initialised") is None
