"""One number of each activation, worked out by hand or by its formula."""

import math

import pytest
import torch

from trainwell.activations import activations, width_factor
from trainwell.errors import BadValue

POINTS = torch.tensor([-2.0, 0.0, 3.0])
PHI = 0.5 * (1 + math.erf(-2 / math.sqrt(2)))

EXPECTED = {
    "identity": (-2.0, 0.0, 3.0),
    "relu": (0.0, 0.0, 3.0),
    "leaky_relu": (-0.02, 0.0, 3.0),
    "tanh": (-0.96402758, 0.0, 0.99505475),
    "sigmoid": (0.11920292, 0.5, 0.95257413),
    "elu": (math.exp(-2) - 1, 0.0, 3.0),
    "selu": (1.05070099 * 1.67326324 * (math.exp(-2) - 1), 0.0, 3.15210296),
    "gelu": (-2 * PHI, 0.0, 2.99595031),
    "swish": (-2 * 0.11920292, 0.0, 3 * 0.95257413),
}


@pytest.mark.parametrize("id", EXPECTED)
def test_value(id: str) -> None:
    torch.testing.assert_close(activations.build(id)(POINTS), torch.tensor(EXPECTED[id]), rtol=1e-5, atol=1e-6)


def test_leaky_slope_and_elu_limit() -> None:
    assert activations.build({"name": "leaky_relu", "slope": 0.25})(POINTS)[0].item() == -0.5
    assert activations.build({"name": "elu", "alpha": 2.0})(torch.tensor([-50.0])).item() == -2.0
    assert activations.build({"name": "leaky_relu", "slope": 0.0})(POINTS)[0].item() == 0.0


def test_sigmoid_slope_is_a_quarter_at_most_and_gelu_dips_to_minus_017() -> None:
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(activations.build("sigmoid")(grid).sum(), grid)[0]
    assert slope.max().item() == pytest.approx(0.25)
    values = activations.build("gelu")(grid.detach())
    assert values.min().item() == pytest.approx(-0.170, abs=5e-4)
    assert grid[values.argmin()].item() == pytest.approx(-0.752, abs=5e-4)


def test_impossible_slope_is_refused() -> None:
    with pytest.raises(BadValue, match=r"leaky_relu.slope=1.5 is not possible: expected a value in \[0, 1\)"):
        activations.part("leaky_relu", slope=1.5)


def test_width_factor_is_one_where_none_is_stated() -> None:
    assert width_factor("relu") == 1
