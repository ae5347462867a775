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
    if member.facts.get("constraint"):
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
