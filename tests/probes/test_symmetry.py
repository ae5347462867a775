"""Units that stay alike, and healthy layers whose weights or gradients are alike and do no harm."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from trainwell.probes.symmetry import Symmetry, Units, symmetry


@pytest.fixture
def sample(digits: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return digits[0][:64], digits[1][:64]


def net(activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, 10))


def set_all(model: nn.Module, value: float) -> nn.Module:
    for p in model.parameters():
        nn.init.constant_(p, value)
    return model


def of(model: nn.Module, sample: Any) -> Symmetry:
    return symmetry(model, F.cross_entropy, sample)


def layer(found: Symmetry, name: str) -> Units:
    return next(units for units in found.layers if units.name == name)


def stays_alike(model: nn.Module, sample: Any, name: str) -> bool:
    """By training: whether the first two units of a layer are equal after 20 steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(model(sample[0]), sample[1]).backward()
        optimizer.step()
    weight = model.get_parameter(f"{name}.weight")
    return torch.allclose(weight[0], weight[1], rtol=1e-4, atol=1e-7)


def test_constants_keep_units_alike(sample: Any) -> None:
    model = set_all(net(), 0.1)
    found = of(model, sample)
    assert found.constant == ("0", "2", "4")
    assert found.zero == ()
    for name in ("0", "2"):
        units = layer(found, name)
        assert (units.equal, units.equal_weights, units.equal_gradients, units.same, units.different) == (1, 1, 1, 1, 1)
    # The classes have targets of their own.
    assert (layer(found, "4").equal, layer(found, "4").same) == (1, 0)
    assert found.equal == 1
    assert found.same == pytest.approx(32 / 42)
    assert stays_alike(model, sample, "2")
    assert not stays_alike(model, sample, "4")
    twin = of(net(), sample)
    assert (twin.equal, twin.same, twin.constant, twin.zero, twin.repeated) == (0, 0, (), (), ())
    assert layer(twin, "2").different == 16


def test_zeros(sample: Any) -> None:
    found = of(set_all(net(nn.ReLU), 0.0), sample)
    assert found.zero == found.constant == ("0", "2", "4")
    assert layer(found, "0").zero_gradient
    assert layer(found, "0").same == 1
    # A last layer of zeros is healthy: no two of its gradients are equal, and the others have weights that differ.
    model = net()
    nn.init.zeros_(model[4].weight)
    nn.init.zeros_(model[4].bias)
    found = of(model, sample)
    assert (found.zero, layer(found, "4").equal, layer(found, "4").same) == (("4",), 1, 0)
    assert layer(found, "0").zero_gradient
    assert (layer(found, "0").equal_gradients, layer(found, "0").same) == (1, 0)
    assert found.same == 0


def test_constant_weights_that_the_next_layer_tells_apart(sample: Any) -> None:
    model = net()
    nn.init.constant_(model[0].weight, 0.02)
    found = layer(of(model, sample), "0")
    assert (found.equal, found.equal_weights, found.same) == (0, 1, 0)  # the biases differ
    nn.init.zeros_(model[0].bias)
    found = layer(of(model, sample), "0")
    assert (found.equal, found.same) == (1, 0)
    assert not stays_alike(model, sample, "0")


def test_dead_units_have_equal_gradients_and_are_not_alike(sample: Any) -> None:
    model = net(nn.ReLU)
    nn.init.constant_(model[0].bias, -100.0)
    found = layer(of(model, sample), "0")
    assert (found.equal_gradients, found.zero_gradient) == (1, True)
    assert (found.equal, found.same) == (0, 0)


def test_a_part_of_the_units(sample: Any) -> None:
    model = net()
    with torch.no_grad():
        # Units 3, 7 and 11 are copies, on both of their sides.
        model[0].weight[[7, 11]] = model[0].weight[3].clone()
        model[0].bias[[7, 11]] = model[0].bias[3].clone()
        model[2].weight[:, [7, 11]] = model[2].weight[:, [3]].clone()
    found = layer(of(model, sample), "0")
    assert found.equal == found.same == 3 / 16
    assert found.different == 14
    with torch.no_grad():
        model[2].weight[:, 11] += 0.1
    assert layer(of(model, sample), "0").same == 2 / 16


def test_dropout_does_not_hide_it(sample: Any) -> None:
    layers = list(set_all(net(), 0.1))
    found = of(nn.Sequential(layers[0], nn.Tanh(), nn.Dropout(0.5), layers[2], nn.Tanh(), layers[4]), sample)
    assert layer(found, "0").same == 1


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_convolutions(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    batch = torch.randn(8, 2, 6, 6), torch.arange(8) % 3
    model = nn.Sequential(kind(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    assert layer(of(model, batch), "0").num_units == 4
    assert of(model, batch).same == 0
    nn.init.constant_(model[0].weight, 0.1)
    nn.init.zeros_(model[0].bias)
    nn.init.constant_(model[4].weight, 0.1)
    assert layer(of(model, batch), "0").same == 1


def test_recurrent_layers_and_weights_that_are_computed() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.GRU(6, 5, batch_first=True)
            self.head = parametrizations.weight_norm(nn.Linear(5, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.recurrent(x)[0][:, -1])

    torch.manual_seed(0)
    batch = torch.randn(8, 4, 6), torch.arange(8) % 3
    found = of(Last(), batch)
    assert [(units.name, units.num_units) for units in found.layers] == [
        ("recurrent", 15),
        ("head.parametrizations.weight", 3),
    ]
    assert found.same == 0
    # Of each of the three gates, all five units are alike.
    assert layer(of(set_all(Last(), 0.1), batch), "recurrent").same == 1


def test_layers_that_repeat(sample: Any) -> None:
    model = net()
    model[2].load_state_dict(nn.Linear(16, 16).state_dict())
    copied = nn.Sequential(*model[:4], nn.Linear(16, 16), *model[3:])
    copied[4].weight.data = copied[2].weight.data.clone()
    assert of(copied, sample).repeated == (("2", "4"),)
    # Tied weights are one layer, and zeros are told as zeros.
    copied[4].weight = copied[2].weight
    found = of(copied, sample)
    assert found.repeated == ()
    assert [units.name for units in found.layers] == ["0", "2", "6"]
    assert of(set_all(net(), 0.0), sample).repeated == ()


def test_frozen_layers_and_small_gradients(sample: Any) -> None:
    model = set_all(net(), 0.1)
    model[0].requires_grad_(False)
    found = layer(of(model, sample), "0")
    assert (found.equal, found.equal_gradients, found.same, found.zero_gradient) == (1, None, None, None)
    model.requires_grad_(False)
    assert of(model, sample).same is None
    assert of(model, sample).unseen == ("gradients: the loss has no graph",)
    # Gradients whose squares are 0 in float32 are told apart all the same.
    small = symmetry(net(), lambda output, y: 1e-30 * F.cross_entropy(output, y), sample)
    assert layer(small, "0").equal_gradients == 0


def test_nothing_is_touched_and_the_numbers_stay(mlp: nn.Module, sample: Any, nothing_touched: Any) -> None:
    with nothing_touched(mlp, *sample):
        found = of(mlp, sample)
    assert found == of(mlp, sample)
