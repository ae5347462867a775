import math

import pytest
import torch
from scipy import stats

from trainwell.errors import BadValue
from trainwell.probes.activation import activation_facts, curve, relative_cost


def test_facts_of_relu_worked_out_by_hand() -> None:
    facts = activation_facts("relu")
    assert facts.range == (0.0, math.inf)
    assert facts.mean == pytest.approx(1 / math.sqrt(2 * math.pi), rel=1e-6)
    assert (facts.zero_centred, facts.saturates, facts.smooth) == (False, "below", False)
    assert (facts.monotone, facts.convex, facts.uses_exp) == (True, True, False)
    assert facts.steepest == 1.0 and 0.0 <= facts.steepest_at <= 0.001
    assert facts.gain == pytest.approx(math.sqrt(2), rel=1e-6)
    assert facts.cost is None


def test_facts_follow_the_hyper_parameters() -> None:
    assert activation_facts({"name": "elu", "alpha": 2.0}).range == (-2.0, math.inf)
    assert not activation_facts({"name": "elu", "alpha": 2.0}).smooth
    assert not activation_facts({"name": "elu", "alpha": 2.0}).convex
    assert activation_facts({"name": "leaky_relu", "slope": 0.0}).saturates == "below"
    assert activation_facts({"name": "leaky_relu", "slope": 0.5}).gain == pytest.approx(math.sqrt(2 / 1.25))


def test_the_largest_slope_and_where_it_is() -> None:
    sigmoid, gelu = activation_facts("sigmoid"), activation_facts("gelu")
    assert (sigmoid.steepest, sigmoid.steepest_at) == (0.25, 0.0)
    assert activation_facts("identity").steepest_at == 0.0  # everywhere; told where it is nearest to 0
    assert gelu.steepest_at == pytest.approx(math.sqrt(2), abs=1e-3)
    assert gelu.steepest == pytest.approx(stats.norm.cdf(math.sqrt(2)) + math.sqrt(2) * stats.norm.pdf(math.sqrt(2)))


def test_functions_from_outside_the_package() -> None:
    shrink = activation_facts("torch.nn:Tanhshrink")  # x - tanh(x)
    assert (shrink.range, shrink.zero_centred, shrink.saturates) == ((-math.inf, math.inf), True, "never")
    ramp = activation_facts("torch.nn:Hardtanh")  # between -1 and 1
    assert (ramp.range, ramp.saturates, ramp.convex, ramp.uses_exp) == ((-1.0, 1.0), "both", False, False)
    assert ramp.smooth
    assert activation_facts("torch.nn:Softsign").range == pytest.approx((-1.0, 1.0), abs=1e-4)


def test_curve_is_the_function_and_its_derivative() -> None:
    x, y, slope = curve("tanh", 5, reach=2.0)
    assert x.tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]
    torch.testing.assert_close(y, torch.tanh(x))
    torch.testing.assert_close(slope, 1 - torch.tanh(x) ** 2)
    assert curve("rrelu")[0].shape == (121,)
    assert curve("rrelu", 3, reach=8.0)[2].tolist() == pytest.approx([(1 / 8 + 1 / 3) / 2] * 2 + [1.0])


def test_what_has_no_curve_is_refused() -> None:
    for call in (curve, activation_facts, relative_cost):
        with pytest.raises(BadValue, match="maxout is a function of several numbers"):
            call("maxout")
    with pytest.raises(BadValue, match="needs 2 points or more and a finite reach above 0, got 1"):
        curve("relu", 1)


def test_cost_is_measured_beside_relu() -> None:
    assert relative_cost("relu", turns=51) == pytest.approx(1.0, rel=0.5)
    assert activation_facts("tanh", measure_cost=True).cost > 2.0  # 28 on an idle core
    assert relative_cost("identity", turns=51) < 0.8  # a call and nothing else
