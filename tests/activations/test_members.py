"""Each activation against its formula or another library, its error and its edge."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch import Tensor, nn

from trainwell.activations import activations, gain_of, is_rectifier, width_factor
from trainwell.draws import StepDraws
from trainwell.dropouts import attach
from trainwell.errors import BadValue

POINTS = torch.tensor([-2.0, 0.0, 3.0])
GRID = np.linspace(-8.0, 8.0, 1601)
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772  # of SELU, equation 14

EXPECTED = {
    "identity": GRID,
    "relu": np.maximum(GRID, 0.0),
    "leaky_relu": np.where(GRID > 0, GRID, 0.01 * GRID),
    "prelu": np.where(GRID > 0, GRID, 0.25 * GRID),
    "rrelu": np.where(GRID > 0, GRID, (1 / 8 + 1 / 3) / 2 * GRID),
    "elu": np.where(GRID > 0, GRID, np.expm1(GRID)),
    "selu": SCALE * np.where(GRID > 0, GRID, ALPHA * np.expm1(GRID)),
    "tanh": 2 * special.expit(2 * GRID) - 1,
    "sigmoid": special.expit(GRID),
    "gelu": GRID * stats.norm.cdf(GRID),
    "gelu_tanh": GRID / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (GRID + 0.044715 * GRID**3))),
    "gelu_sigmoid": GRID * special.expit(1.702 * GRID),
    "swish": GRID * special.expit(GRID),
    "mish": GRID * np.tanh(np.logaddexp(0.0, GRID)),
    "softplus": np.logaddexp(0.0, GRID),
    "hard_swish": GRID * np.clip(GRID + 3, 0.0, 6.0) / 6,
}


def values_of(activation: object, points: Tensor | np.ndarray = GRID) -> Tensor:
    return activations.build(activation).double().eval()(torch.as_tensor(points, dtype=torch.float64)).detach()


@pytest.mark.parametrize("id", EXPECTED)
def test_values(id: str) -> None:
    # SELU's constants and PReLU's slope are stored in float32 or rounded by torch: 1e-7.
    np.testing.assert_allclose(values_of(id), EXPECTED[id], rtol=1e-7, atol=1e-12)


def test_leaky_slope_and_elu_limit() -> None:
    assert activations.build({"name": "leaky_relu", "slope": 0.25})(POINTS)[0].item() == -0.5
    assert activations.build({"name": "elu", "alpha": 2.0})(torch.tensor([-50.0])).item() == -2.0
    assert activations.build({"name": "leaky_relu", "slope": 0.0})(POINTS)[0].item() == 0.0


def test_impossible_slope_is_refused() -> None:
    with pytest.raises(BadValue, match=r"leaky_relu.slope=1.5 is not possible: expected a value in \[0, 1\)"):
        activations.part("leaky_relu", slope=1.5)


def test_prelu_learns_one_slope_by_the_sum_of_its_negative_inputs() -> None:
    module = activations.build({"name": "prelu", "slope": 0.1})
    module(torch.tensor([[-2.0, 1.0], [-0.5, 3.0]])).sum().backward()
    (slope,) = module.parameters()
    assert slope.shape == (1,) and slope.item() == pytest.approx(0.1)
    assert slope.grad.item() == -2.5


def test_rrelu_draws_slopes_in_training_and_takes_their_mean_afterwards() -> None:
    module = activations.build({"name": "rrelu", "lower": 0.1, "upper": 0.5})
    attach(module, StepDraws(0))
    slopes = -module(torch.full((1_000_000,), -1.0))
    assert 0.1 <= slopes.min().item() < 0.1001 and 0.4999 < slopes.max().item() <= 0.5
    assert slopes.mean().item() == pytest.approx(0.3, abs=4 * 0.4 / math.sqrt(12e6))  # four standard errors
    assert slopes.var().item() == pytest.approx(0.4**2 / 12, rel=0.01)
    assert torch.equal(module(POINTS)[1:], POINTS[1:])
    assert module.eval()(POINTS).tolist() == pytest.approx([-0.6, 0.0, 3.0])


def test_rrelu_slope_of_a_value_is_that_of_its_gradient() -> None:
    module = activations.build("rrelu")
    attach(module, StepDraws(0))
    inputs = torch.full((100,), -2.0, requires_grad=True)
    out = module(inputs)
    out.sum().backward()
    torch.testing.assert_close(inputs.grad, out.detach() / -2.0)


def test_rrelu_of_one_slope_is_leaky_and_a_wrong_order_is_refused() -> None:
    module = activations.build({"name": "rrelu", "lower": 0.2, "upper": 0.2})
    assert module.train()(POINTS).tolist() == pytest.approx([-0.4, 0.0, 3.0])
    with pytest.raises(BadValue, match=r"rrelu.lower=0.5 is above rrelu.upper=0.25: expected the least slope first"):
        activations.build({"name": "rrelu", "lower": 0.5, "upper": 0.25})


def test_rrelu_draws_by_seed_step_and_layer() -> None:
    inputs = torch.full((50,), -1.0)
    pair = nn.Sequential(activations.build("rrelu"), activations.build("rrelu"))
    draws = StepDraws(1)
    assert attach(pair, draws) == 2
    first, other = pair[0](inputs), pair[1](inputs)
    assert not torch.equal(first, other)
    attach(pair, StepDraws(2))
    assert not torch.equal(pair[0](inputs), first)


def test_sigmoid_slope_is_a_quarter_at_most() -> None:
    grid = torch.linspace(-10, 10, 20_001, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(activations.build("sigmoid")(grid).sum(), grid)[0]
    assert slope.max().item() == pytest.approx(0.25) and grid[slope.argmax()].item() == pytest.approx(0.0, abs=1e-9)
    assert slope[-1].item() == pytest.approx(4.5e-5, rel=0.01)


@pytest.mark.parametrize(
    ("id", "lowest", "at"),
    [("gelu", -0.170, -0.752), ("swish", -0.278, -1.278), ("mish", -0.309, -1.192), ("hard_swish", -3 / 8, -3 / 2)],
)
def test_where_the_dip_is(id: str, lowest: float, at: float) -> None:
    grid = np.linspace(-4, 4, 80_001)
    values = values_of(id, grid)
    assert values.min().item() == pytest.approx(lowest, abs=5e-4)
    assert grid[values.argmin()] == pytest.approx(at, abs=5e-4)


def test_how_near_the_approximations_of_gelu_are() -> None:
    grid = np.linspace(-8, 8, 160_001)
    by_sigmoid = (values_of("gelu_sigmoid", grid) - values_of("gelu", grid)).abs()
    by_tanh = (values_of("gelu_tanh", grid) - values_of("gelu", grid)).abs()
    assert 0.0203 < by_sigmoid.max().item() < 0.0204 and abs(grid[by_sigmoid.argmax()]) == pytest.approx(2.27, abs=0.01)
    assert 0.0004 < by_tanh.max().item() < 0.0005 and abs(grid[by_tanh.argmax()]) == pytest.approx(2.70, abs=0.01)


def test_swish_with_another_steepness_and_a_learnt_one() -> None:
    np.testing.assert_allclose(
        values_of({"name": "swish", "beta": 2.0}), GRID * special.expit(2.0 * GRID), rtol=1e-9, atol=1e-12
    )
    assert not list(activations.build({"name": "swish", "beta": 2.0}).parameters())
    module = activations.build({"name": "swish", "beta": 0.5, "learn": True})
    module(POINTS).sum().backward()
    (beta,) = module.parameters()
    share = special.expit(0.5 * POINTS.numpy())
    assert beta.grad.item() == pytest.approx(float((POINTS.numpy() ** 2 * share * (1 - share)).sum()), rel=1e-5)


def test_softplus_sharpens_into_relu() -> None:
    np.testing.assert_allclose(
        values_of({"name": "softplus", "beta": 3.0}), np.logaddexp(0.0, 3.0 * GRID) / 3.0, rtol=1e-7, atol=1e-12
    )
    np.testing.assert_allclose(values_of({"name": "softplus", "beta": 1e4}), np.maximum(GRID, 0.0), atol=1e-4)
    with pytest.raises(BadValue, match=r"softplus.beta=0.0 is not possible"):
        activations.part("softplus", beta=0.0)


def test_maxout_takes_the_largest_of_neighbours_and_hands_the_gradient_to_it() -> None:
    inputs = torch.tensor([[1.0, 3.0, -2.0, -5.0, 0.0, 0.5]], requires_grad=True)
    out = activations.build("maxout")(inputs)
    assert out.tolist() == [[3.0, -2.0, 0.5]]
    out.sum().backward()
    assert inputs.grad.tolist() == [[0.0, 1.0, 1.0, 0.0, 0.0, 1.0]]
    assert activations.build({"name": "maxout", "pieces": 3})(inputs).tolist() == [[3.0, 0.5]]
    maps = torch.randn(2, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(activations.build("maxout")(maps)[:, 1], torch.maximum(maps[:, 2], maps[:, 3]))


def test_maxout_of_a_piece_and_nothing_is_relu() -> None:
    inputs = torch.stack((POINTS, torch.zeros(3)), 1)
    assert activations.build("maxout")(inputs).squeeze(1).tolist() == [0.0, 0.0, 3.0]


def test_maxout_refuses_channels_that_do_not_divide() -> None:
    with pytest.raises(BadValue, match=r"maxout of 2 pieces .* got shape \(4, 5\). Make the layer .* 2 times as wide"):
        activations.build("maxout")(torch.zeros(4, 5))
    with pytest.raises(BadValue, match=r"maxout.pieces=1 is not possible: expected a value in \[2, inf\)"):
        activations.part("maxout", pieces=1)


def test_softmax_shares_out_over_dimension_1() -> None:
    inputs = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    out = activations.build("softmax")(inputs)
    np.testing.assert_allclose(out, special.softmax(inputs.numpy(), axis=1), rtol=1e-12)
    torch.testing.assert_close(out.sum(1), torch.ones(3, 2, 2, dtype=torch.float64))
    torch.testing.assert_close(activations.build("softmax")(inputs + 1000.0), out)


def test_width_factor_is_the_pieces_of_maxout_and_1_elsewhere() -> None:
    assert width_factor("relu") == 1
    assert width_factor("maxout") == 2
    assert width_factor({"name": "maxout", "pieces": 5}) == 5


def test_gain_follows_the_hyper_parameters() -> None:
    assert gain_of("leaky_relu") == activations["leaky_relu"].facts["gain"]
    assert gain_of({"name": "leaky_relu", "slope": 0.3}) == pytest.approx(math.sqrt(2 / 1.09), rel=1e-6)
    assert gain_of({"name": "rrelu", "lower": 0.0, "upper": 0.5}) == pytest.approx(
        math.sqrt(2 / (1 + 1 / 16)), rel=1e-6
    )
    assert gain_of({"name": "swish", "learn": True}) == pytest.approx(gain_of("swish"), rel=1e-6)
    below = integrate.quad(lambda x: 4 * math.expm1(x) ** 2 * stats.norm.pdf(x), -12, 0)[0]
    assert gain_of({"name": "elu", "alpha": 2.0}) == pytest.approx((0.5 + below) ** -0.5, rel=1e-6)


def test_gain_of_maxout_is_that_of_the_largest_of_k_normal_draws() -> None:
    for pieces in (2, 3, 5):  # density of the largest: k pdf cdf^(k - 1)
        moment = integrate.quad(
            lambda x, k=pieces: x * x * k * stats.norm.pdf(x) * stats.norm.cdf(x) ** (k - 1), -12, 12
        )
        assert gain_of({"name": "maxout", "pieces": pieces}) == pytest.approx(moment[0] ** -0.5, rel=1e-3)


def test_one_from_outside_states_no_gain_and_is_taken_for_a_rectifier() -> None:
    assert gain_of("torch.nn:Tanhshrink") is None
    assert is_rectifier("torch.nn:Tanhshrink") and is_rectifier("elu")
    assert not is_rectifier("tanh") and not is_rectifier("selu")
