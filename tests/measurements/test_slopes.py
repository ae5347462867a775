"""Slopes against formulas, and where there are none."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from trainwell.activations import activations
from trainwell.measurements.slopes import few, relative_slopes


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (torch.sigmoid, lambda x: 4 * torch.sigmoid(x) * (1 - torch.sigmoid(x))),
        (torch.tanh, lambda x: 1 - torch.tanh(x) ** 2),
        (functional.relu_, lambda x: (x > 0).float()),  # in place
        (lambda x: functional.leaky_relu(x, 2.0), lambda x: torch.where(x > 0, 0.5, 1.0)),
    ],
)
def test_slopes_as_shares_of_the_largest(function: object, wanted: object) -> None:
    x = torch.linspace(-7, 7, 30)[:, None]
    before = x.clone()
    found = relative_slopes(function, x)  # type: ignore[arg-type]
    assert found is not None
    assert torch.allclose(found, wanted(x).flatten(), atol=1e-6)  # type: ignore[operator]
    assert torch.equal(x, before)


@pytest.mark.parametrize("id", [m.id for m in activations if m.facts.get("elementwise", True) and m.id != "identity"])
def test_every_activation_of_ours_has_its_steepest_place_on_the_grid(id: str) -> None:
    module = activations.build(id)
    point, fine = torch.tensor([[0.7]]), torch.linspace(-12, 12, 9001)[:, None]
    alone, beside = (relative_slopes(module.forward, x, module) for x in (point, torch.cat((point, fine))))
    assert alone is not None and beside is not None
    assert float(alone) == pytest.approx(float(beside[0]), rel=0.02)
    assert 0.98 < float(beside.max()) <= 1.0
    assert module.training


def test_a_slope_for_each_channel() -> None:
    module = nn.PReLU(2)
    module.weight.data = torch.tensor([0.5, 0.001])
    found = relative_slopes(module.forward, torch.full((1, 2, 3), -1.0), module)
    assert found is not None
    assert found.tolist() == pytest.approx([0.5] * 3 + [0.001] * 3)
    assert module.weight.grad is None


def test_drawn_slopes_have_their_mean_and_no_draw_is_spent() -> None:
    module, random = nn.RReLU(0.2, 0.4), torch.get_rng_state()
    found = relative_slopes(module.forward, torch.full((4, 1), -1.0), module)
    assert found is not None
    assert found.tolist() == pytest.approx([0.3] * 4)
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("function", [functional.glu, torch.sign, torch.Tensor.detach, lambda x: x.view(7, -1)])
def test_there_is_none_where_numbers_mix_or_nothing_flows(function: object) -> None:
    found = relative_slopes(function, torch.randn(4, 6))  # type: ignore[arg-type]
    assert found is None or float(found.max()) == 0.0


def test_a_few_inputs_of_every_channel() -> None:
    assert few(torch.zeros(100, 8)).shape == (25, 8)
    shape = few(torch.zeros(64, 16, 40, 40)).shape
    assert shape[:2] == (32, 16) and shape[2] == shape[3] and 2**12 < math.prod(shape) <= 2**14
    assert few(torch.zeros(0, 3)).shape == (0, 3)
