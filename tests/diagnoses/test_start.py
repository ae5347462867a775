"""The start of a network in numbers: by hand, and of networks that are no plain stack."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.diagnoses.gather import gather
from trainwell.diagnoses.start import fits, left, narrowest, product
from trainwell.probes.parts import parts


class Mixed(nn.Module):
    """A layer before a norm, a residual one called twice, and one before a function."""

    def __init__(self) -> None:
        super().__init__()
        self.normed, self.norm = nn.Linear(4, 5), nn.LayerNorm(5)
        self.twice, self.last, self.head = nn.Linear(5, 5), nn.Linear(5, 6), nn.Linear(6, 2)
        for layer, weight, bias in ((self.twice, 0.2, -3.0), (self.last, 0.1, 0.0)):
            nn.init.constant_(layer.weight, weight)
            nn.init.constant_(layer.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.normed(x))
        for _ in range(2):
            x = x + torch.tanh(self.twice(x))
        return self.head(functional.relu(self.last(x)))


def evidence(model: nn.Module) -> tuple[object, object]:
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
    given = torch.optim.SGD(model.parameters(), lr=0.1)
    found = gather(parts(model, nn.CrossEntropyLoss(), given, (x, torch.arange(40) % 2), batch_size=8, epochs=1))
    return found, found.architecture


def test_factors_by_hand() -> None:
    _, architecture = evidence(Mixed())
    found = {fit.name: fit for fit in fits(architecture)}
    assert list(found) == ["twice", "last"]
    # sqrt(5 0.2^2) = 0.447; tanh wants 5 / 3
    assert found["twice"].activation == "tanh"
    assert found["twice"].factor == pytest.approx(math.sqrt(5 * 0.04) / (5 / 3), rel=1e-5)
    assert found["twice"].bias == pytest.approx(-3.0 / math.sqrt(5 * 0.04), rel=1e-5)
    assert found["last"].activation == "relu"
    assert found["last"].factor == pytest.approx(math.sqrt(5 * 0.01) / math.sqrt(2), rel=1e-5)
    assert product(fits(architecture)) == pytest.approx(found["twice"].factor * found["last"].factor)
    assert narrowest(architecture) == 5


def test_nothing_to_say_of_one_layer() -> None:
    found, architecture = evidence(nn.Linear(4, 2))
    assert fits(architecture) == ()
    assert product(()) is None
    assert left(found) is None
    assert narrowest(architecture) is None


def test_what_is_left_by_hand() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Identity(), nn.Linear(4, 4), nn.Linear(4, 2))
    with torch.no_grad():
        for layer, factor in ((model[0], 1.0), (model[2], 0.01)):
            layer.weight.copy_(torch.eye(4) * factor)
            layer.bias.fill_(7.0)  # the same for all samples: it tells none from another
    found, _ = evidence(model)
    assert left(found) == pytest.approx(0.01, rel=1e-3)
