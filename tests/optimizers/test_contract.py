"""What every optimizer owes."""

import copy

import pytest
import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.family import Member
from trainwell.optimizers import optimizers, parameter_groups

MEMBERS = [pytest.param(member, id=member.id) for member in optimizers]
INPUTS = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
TARGETS = INPUTS @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]]) + 1


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 1).to(dtype)


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (model(INPUTS.to(model.weight.dtype)).float() - TARGETS).square().mean()
        loss.backward()
        return loss

    return optimizer.step(closure).item()


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lowers_the_loss_and_repeats_bit_for_bit(member: Member, dtype: torch.dtype) -> None:
    ends = []
    for _ in range(2):
        model = network(dtype)
        optimizer = member(parameter_groups(model), lr=0.01)
        losses = [step(model, optimizer) for _ in range(30)]
        assert losses[-1] < 0.95 * losses[0]
        ends.append(model.weight.detach())
    assert torch.equal(*ends)


@pytest.mark.parametrize("member", MEMBERS)
def test_goes_on_after_save_and_load_as_if_nothing_had_been(member: Member) -> None:
    model = network()
    optimizer = member(parameter_groups(model), lr=0.01)
    for _ in range(3):
        step(model, optimizer)
    other = copy.deepcopy(model)
    loaded = member(parameter_groups(other), lr=0.5)
    loaded.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(3):
        step(model, optimizer)
        step(other, loaded)
    assert torch.equal(model.weight, other.weight)


@pytest.mark.parametrize("member", MEMBERS)
def test_takes_plain_parameters_and_rate_scales_and_refuses_nothing(member: Member) -> None:
    model = network()
    assert member(model.parameters(), lr=0.25).param_groups[0]["lr"] == 0.25
    groups = [{"params": [model.weight]}, {"params": [model.bias], "rate_scale": 4.0}]
    assert [group["lr"] for group in member(groups, lr=0.25).param_groups] == [0.25, 1.0]
    assert "lr" not in groups[1]
    with pytest.raises(BadValue, match="no parameters to optimize"):
        member([], lr=0.1)


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.gpu
def test_lowers_the_loss_on_cuda(member: Member) -> None:
    weight = torch.ones(8, device="cuda", requires_grad=True)
    optimizer = member([weight], lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.square().sum().item() < 7.5
