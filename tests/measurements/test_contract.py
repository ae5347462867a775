"""What every measurement owes."""

import copy

import pytest
import torch
from torch import nn

from trainwell.family import Member
from trainwell.measurements import Step, measurements
from trainwell.optimizers import optimizers
from trainwell.parameters import weights_of

MEMBERS = [pytest.param(member, id=member.id) for member in measurements]


def stepped(optimizer_id: str, dtype: torch.dtype = torch.float32) -> Step:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).to(dtype)
    optimizer = optimizers[optimizer_id](model.parameters(), lr=0.1)
    batch = torch.randn(8, 3, dtype=dtype)

    def gradient() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(batch).float().square().mean()
        loss.backward()
        return loss

    before = [weight.detach().clone() for weight in weights_of(model)]
    loss = optimizer.step(gradient)
    updates = [weight.detach() - old for weight, old in zip(weights_of(model), before, strict=True)]
    return Step(1, 10, loss.detach(), model, optimizer, 0.1, updates)


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("optimizer", optimizers.names)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gives_finite_scalars_and_changes_nothing(member: Member, optimizer: str, dtype: torch.dtype) -> None:
    step = stepped(optimizer, dtype)
    weights = copy.deepcopy(step.model.state_dict())
    gradients = [parameter.grad.clone() for parameter in step.model.parameters()]
    state = copy.deepcopy(step.optimizer.state_dict())
    measured = member(step)
    assert measured
    for value in measured.values():
        assert value.shape == ()
        assert torch.isfinite(value)
        assert value > 0
        assert not value.requires_grad
    assert all(torch.equal(value, weights[name]) for name, value in step.model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(step.model.parameters(), gradients, strict=True))
    assert str(step.optimizer.state_dict()) == str(state)
    assert member(step) == measured


@pytest.mark.parametrize("member", MEMBERS)
def test_a_model_without_weights_and_gradients_is_fine(member: Member) -> None:
    model = nn.BatchNorm1d(3)
    step = Step(1, 10, torch.zeros(()), model, torch.optim.SGD(model.parameters()), 0.1, [])
    assert all(value.item() == 0.0 for value in member(step).values())
