"""What every average owes."""

import copy

import pytest
import torch
from torch import nn

from trainwell.averages import averages
from trainwell.errors import BadValue
from trainwell.family import Member

MEMBERS = [pytest.param(member, id=member.id) for member in averages]


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).to(dtype)


def disturb(model: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    dtype = model[0].weight.dtype
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator).to(dtype))
    model(torch.randn(8, 3, generator=generator).to(dtype))


def states(model: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(dict(model.state_dict()))


@pytest.mark.parametrize("member", MEMBERS)
def test_applied_shows_the_average_and_gives_back_the_weights(member: Member) -> None:
    model, average = network(), member()
    with average.applied(model):  # nothing averaged yet: the model as it is
        pass
    for step in range(1, 8):
        disturb(model, step)
        average.update(model, step, 20)
    disturb(model, 8)
    own = states(model)
    with pytest.raises(ZeroDivisionError), average.applied(model):
        shown = states(model)
        raise ZeroDivisionError
    assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())
    weights = average.weights()
    assert set(weights) == set(own) - {"1.num_batches_tracked"}
    assert all(torch.equal(shown[name], value) for name, value in weights.items())
    assert not torch.equal(shown["0.weight"], own["0.weight"])
    assert not torch.equal(shown["1.running_mean"], own["1.running_mean"])
    assert shown["1.num_batches_tracked"] == 8


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("saved_after", [7, 18])
def test_goes_on_after_save_and_load_bit_for_bit(member: Member, dtype: torch.dtype, saved_after: int) -> None:
    straight, resumed = network(dtype), network(dtype)
    whole, first = member(), member()
    whole.start(straight)
    first.start(resumed)
    for step in range(1, 21):
        disturb(straight, step)
        whole.update(straight, step, 20)
        if step == saved_after:
            saved, weights = {k: v.clone() for k, v in first.state_dict().items()}, states(resumed)
            assert all(isinstance(value, torch.Tensor) for value in saved.values())
            first, resumed = member(), network(dtype)
            first.load_state_dict(saved)
            resumed.load_state_dict(weights)
        disturb(resumed, step)
        first.update(resumed, step, 20)
    assert all(torch.equal(value, first.weights()[name]) for name, value in whole.weights().items())
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in straight.state_dict().items())


@pytest.mark.parametrize("member", MEMBERS)
def test_changes_the_model_only_where_it_says_so(member: Member) -> None:
    model, average = network(), member()
    average.start(model)
    changed = False
    for step in range(1, 11):
        disturb(model, step)
        before = states(model)
        average.update(model, step, 10)
        changed |= any(not torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert changed == member.facts["writes_back"]
    if changed:
        assert torch.equal(model[0].weight, average.weights()["0.weight"])


@pytest.mark.parametrize("member", MEMBERS)
def test_weights_of_another_model_are_refused(member: Member) -> None:
    average = member()
    average.start(network())
    with pytest.raises(BadValue, match=r"of another model: 0\.bias, 0\.weight"):
        average.update(nn.Linear(3, 4), 1, 10)
    with pytest.raises(BadValue, match=r"0\.weight has shape \(4, 3\) there and \(4, 2\) here"):
        average.update(nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4)), 1, 10)
