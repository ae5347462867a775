"""What every activation owes."""

import math

import pytest
import torch

from trainwell.activations import activations, width_factor
from trainwell.family import Member
from trainwell.initializers import initializers

MEMBERS = [pytest.param(member, id=member.id) for member in activations]
GRID = torch.linspace(-12.0, 12.0, 240_001, dtype=torch.float64)
NORMAL = torch.exp(-GRID.square() / 2) / math.sqrt(2 * math.pi) * (GRID[1] - GRID[0])


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_runs_forward_and_backward_and_leaves_its_input(member: Member, dtype: torch.dtype) -> None:
    module = member().to(dtype)
    width = width_factor(member.id)
    inputs = torch.randn(4, 6 * width, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    before = inputs.detach().clone()
    out = module(inputs)
    out.float().sum().backward()
    assert out.shape == (4, 6)
    assert out.dtype == dtype
    assert torch.isfinite(inputs.grad).all()
    assert torch.equal(inputs.detach(), before)
    again = member().to(dtype)
    again.load_state_dict(module.state_dict())
    assert torch.equal(again.eval()(before), module.eval()(before))


@pytest.mark.parametrize("member", MEMBERS)
def test_facts_are_true(member: Member) -> None:
    facts = member.facts
    function = member().double().eval()
    if width_factor(member.id) == 1:
        grid = GRID.clone().requires_grad_()
        values = function(grid)
        slopes = torch.autograd.grad(values.sum(), grid)[0]
        values = values.detach()
        low, high = slopes[GRID < -11].abs().max() < 0.01, slopes[GRID > 11].abs().max() < 0.01
        ends = {(False, False): "never", (True, False): "below", (False, True): "above", (True, True): "both"}
        assert facts["saturates"] == ends[bool(low), bool(high)]
        assert facts["monotone"] == bool((values.diff() >= -1e-12).all())
        assert facts["zero_centred"] == bool((values * NORMAL).sum().abs() < 0.02)
    assert facts["initializer"] in initializers
    assert facts["gain"] > 0


@pytest.mark.parametrize("id", ["identity", "relu", "leaky_relu", "elu", "gelu", "swish", "selu"])
def test_gain_keeps_the_second_moment_of_a_normal_input(id: str) -> None:
    moment = (activations[id]().double()(GRID).square() * NORMAL).sum()
    assert activations[id].facts["gain"] == pytest.approx(float(moment.rsqrt()), rel=1e-5)
