"""What every activation owes."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy import integrate
from torch import Tensor

from trainwell.activations import activations, second_moment, width_factor
from trainwell.draws import StepDraws
from trainwell.dropouts import attach
from trainwell.family import Member
from trainwell.initializers import initializers
from trainwell.probes.activation import activation_facts

MEMBERS = [pytest.param(member, id=member.id) for member in activations]
OF_ONE_NUMBER = [pytest.param(m, id=m.id) for m in activations if m.facts.get("elementwise", True)]
OF_SEVERAL = [pytest.param(m, id=m.id) for m in activations if not m.facts.get("elementwise", True)]


def inputs_of(member: Member, *places: int) -> Tensor:
    shape = (4, 6 * width_factor(member.id), *places)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("places", [(), (3, 5)])
def test_runs_forward_and_backward_and_leaves_its_input(
    member: Member, dtype: torch.dtype, places: tuple[int, ...]
) -> None:
    module = member().to(dtype)
    inputs = inputs_of(member, *places).to(dtype).requires_grad_()
    before = inputs.detach().clone()
    out = module(inputs)
    out.float().square().sum().backward()
    assert out.shape == (4, 6, *places)
    assert out.dtype == dtype
    assert torch.isfinite(inputs.grad).all() and inputs.grad.any()
    assert torch.equal(inputs.detach(), before)


@pytest.mark.parametrize("member", MEMBERS)
def test_slopes_are_those_of_the_values(member: Member) -> None:
    inputs = inputs_of(member).double().requires_grad_()
    assert torch.autograd.gradcheck(member().double().eval(), inputs)


@pytest.mark.parametrize("member", MEMBERS)
def test_survives_save_and_load(member: Member, tmp_path: Path) -> None:
    module, again = member(), member()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.5)
    save_file(module.state_dict(), tmp_path / "activation.safetensors")
    again.load_state_dict(load_file(tmp_path / "activation.safetensors"))
    inputs = inputs_of(member)
    assert torch.equal(again.eval()(inputs), module.eval()(inputs))


@pytest.mark.parametrize("member", MEMBERS)
def test_is_the_same_under_one_seed(member: Member) -> None:
    module = member()
    draws = StepDraws(3)
    drawn = attach(module, draws)
    inputs = inputs_of(member)
    first = module(inputs)
    torch.rand(7)  # a draw of somebody else's
    assert torch.equal(module(inputs), first)
    draws.step = 1
    assert torch.equal(module(inputs), first) == (drawn == 0)
    assert torch.equal(module.eval()(inputs), member().eval()(inputs))


@pytest.mark.parametrize("member", OF_ONE_NUMBER)
def test_facts_are_those_of_the_function(member: Member) -> None:
    computed, stated = activation_facts(member.id), member.facts
    for fact in ("zero_centred", "saturates", "smooth", "monotone", "convex", "uses_exp"):
        assert stated[fact] == getattr(computed, fact), fact
    assert stated["range"] == pytest.approx(computed.range, abs=1e-6)
    rules = {"second_moment": computed.gain, "slope": 1 / computed.steepest}
    rule = stated.get("gain_rule", "second_moment")
    if rule == "convention":
        assert stated["gain"] == pytest.approx(computed.gain, rel=0.05)  # near what keeps the second moment
    else:
        assert stated["gain"] == pytest.approx(rules[rule], rel=1e-6)


@pytest.mark.parametrize("member", OF_ONE_NUMBER)
def test_second_moment_against_quadrature(member: Member) -> None:
    module = member().double().eval()

    def integrand(x: float) -> float:
        value = float(module(torch.tensor([x], dtype=torch.float64)).detach())
        return value**2 * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    # torch's softplus and hard swish have kinks at 20 and 3, all of ReLU's kin at 0.
    expected = sum(integrate.quad(integrand, low, low + 3)[0] for low in range(-12, 12, 3))
    assert second_moment(module) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("member", OF_SEVERAL)
def test_facts_of_a_function_of_several_hold_along_one(member: Member) -> None:
    grid = torch.linspace(-12.0, 12.0, 24_001, dtype=torch.float64, requires_grad=True)
    others = torch.zeros(len(grid), 1, dtype=torch.float64)
    values = member().double()(torch.cat((grid[:, None], others), 1))[:, 0]
    slopes = torch.autograd.grad(values.sum(), grid)[0]
    facts, values = member.facts, values.detach()
    assert facts["monotone"] == bool((values.diff() >= 0).all())
    assert facts["convex"] == bool((slopes.diff() >= -1e-12).all())
    assert facts["smooth"] == bool((slopes[12_001] - slopes[11_999]).abs() < 1e-3)
    low, high = facts["range"]
    assert low <= values.min() and values.max() <= high
    assert (high < math.inf) == bool(slopes[-1] < 0.01)


@pytest.mark.parametrize("member", MEMBERS)
def test_names_an_initializer_and_a_positive_gain(member: Member) -> None:
    assert member.facts["initializer"] in initializers
    assert member.facts["gain"] > 0
    assert member.facts.get("gain_rule", "second_moment") in ("second_moment", "slope", "convention")
