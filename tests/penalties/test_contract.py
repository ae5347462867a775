"""What every penalty and constraint owes."""

import copy

import pytest
import torch
from torch import nn

from trainwell.family import Member
from trainwell.penalties import penalties

MEMBERS = [pytest.param(member, id=member.id) for member in penalties]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_acts_on_weights_and_nothing_else(member: Member, dtype: torch.dtype) -> None:
    model = network().to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(50.0).add_(50.0)
    before = copy.deepcopy(model.state_dict())
    out = member(model)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    if member.facts["constraint"]:
        assert out is None
        assert changed == {"0.weight", "2.weight"}
    else:
        out.backward()
        assert not changed
        assert out.dtype == torch.float32
        assert {name for name, p in model.named_parameters() if p.grad is not None} == {"0.weight", "2.weight"}


@pytest.mark.parametrize("member", MEMBERS)
def test_a_model_without_weights_is_fine(member: Member) -> None:
    out = member(nn.BatchNorm1d(3))
    assert out is None or out.item() == 0.0


@pytest.mark.parametrize("member", MEMBERS)
def test_repeats_and_lets_frozen_weights_be(member: Member) -> None:
    frozen, twice = network(), network()
    frozen[0].weight.requires_grad_(False)
    before = frozen[0].weight.clone()
    args = {"limit": 0.1} if member.facts["constraint"] else {}
    one, two, other = member(frozen, **args), member(twice, **args), member(network(), **args)
    assert torch.equal(frozen[0].weight, before)
    if member.facts["constraint"]:
        assert member(twice, **args) is None
        torch.testing.assert_close(twice[2].weight, frozen[2].weight)
    else:
        assert torch.equal(two, other)
        assert one != two


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_that_breaks_selu_pulls_units_off_a_sum_of_squares_of_1(member: Member) -> None:
    """LeCun-normal weights have it in the mean; the penalty alone, in a layer that widens, changes it."""
    torch.manual_seed(0)
    layer = nn.Linear(40, 80)
    nn.init.normal_(layer.weight, std=40**-0.5)
    assert layer.weight.square().sum(1).mean().item() == pytest.approx(1.0, abs=0.05)
    if member.facts["constraint"]:
        member(layer, limit=0.8)
    else:
        for _ in range(20):
            layer.weight.grad = None
            member(layer, strength=1.0).backward()
            layer.weight.data -= 0.005 * layer.weight.grad
    kept = layer.weight.square().sum(1).mean().item() == pytest.approx(1.0, abs=0.1)
    assert member.facts["breaks_selu"] == (not kept)
