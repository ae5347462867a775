"""Too much dropout, decay or penalty: faulty programs, clean twins, and strong but healthy regularisation."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses.problems import Suspicion
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]


class Penalised(nn.Module):
    """Cross entropy and the sum of the sizes of all weights."""

    def __init__(self, model: nn.Module, strength: float) -> None:
        super().__init__()
        self.model, self.strength, self.base = model, strength, nn.CrossEntropyLoss()

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        sizes = sum(p.abs().sum() for p in self.model.parameters())
        return self.base(output, target) + self.strength * sizes


def net(
    p: float = 0.0,
    times: int = 2,
    width: int = 24,
    decay: float = 0.0,
    penalty: float = 0.0,
    optimizer: type[torch.optim.Optimizer] = torch.optim.Adam,
    epochs: int = 8,
) -> Parts:
    """Three classes of six features, noisy enough that none is perfect."""
    torch.manual_seed(0)
    x = torch.randn(300, 6)
    y = (x @ torch.randn(6, 3) + torch.randn(300, 3)).argmax(1)
    layers: list[nn.Module] = []
    for size in [6, *[width] * (times - 1)]:
        layers += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(p)]
    model = nn.Sequential(*layers, nn.Linear(width, 3))
    given = optimizer(model.parameters(), lr=0.01, weight_decay=decay)  # type: ignore[call-arg]
    loss = Penalised(model, penalty) if penalty else nn.CrossEntropyLoss()
    return parts(model, loss, given, (x[:200], y[:200]), (x[200:], y[200:]), batch_size=20, epochs=epochs)


clean, dropped, often = net, partial(net, p=0.95), partial(net, p=0.7, times=4)
usual, wide = partial(net, p=0.2), partial(net, p=0.5, width=128, epochs=12)


@pytest.mark.parametrize("program", [dropped, often])
def test_so_much_dropped_that_nothing_comes_through(suspect: Ask, program: Callable[[], Parts]) -> None:
    found = suspect("dropout-too-high", program, "no-dropout")
    assert found is not None
    assert found.evidence["gain"] > 0.1
    assert found.where


@pytest.mark.parametrize("program", [clean, usual, wide])
def test_dropout_as_it_was_meant(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("dropout-too-high", program, "no-dropout") is None


decayed = partial(net, decay=1.0)
decoupled = partial(net, decay=0.1, optimizer=torch.optim.AdamW)
penalised, hinted = partial(net, penalty=0.1, epochs=15), partial(net, penalty=1e-4)


@pytest.mark.parametrize(("program", "sign"), [(decayed, "decay"), (penalised, "penalty")])
def test_weights_held_down(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("over-regularised", program, "no-decay")
    assert found is not None
    assert found.sign == sign


def test_weights_that_shrink_where_no_trial_could_be_made(suspect: Ask) -> None:
    found = suspect("over-regularised", decayed)
    assert found is not None
    assert found.sign == "shrunk"
    assert found.evidence["shrunk"] < 0.2


@pytest.mark.parametrize("program", [clean, decoupled, hinted, dropped])
def test_weights_hardly_held(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("over-regularised", program, "no-decay") is None
