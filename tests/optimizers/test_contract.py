"""What every optimizer owes."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.family import Member
from trainwell.optimizers import innermost, optimizers, parameter_groups

MEMBERS = [pytest.param(member, id=member.id) for member in optimizers]
DECAYING = [pytest.param(member, id=member.id) for member in optimizers if "weight_decay" in member.hyper]
INPUTS = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
RATE = 0.01  # every member can learn the problem at it
TARGETS = INPUTS @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]]) + 1


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    """Two hidden matrices of different shapes, norms and a head."""
    torch.manual_seed(0)
    layers = [nn.Linear(4, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1)]
    return nn.Sequential(*layers).to(dtype)


def usual(member: Member) -> float:
    """A usual rate: the default."""
    return member.hyper["lr"].default


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (model(INPUTS.to(model[0].weight.dtype)).float() - TARGETS).square().mean()
        loss.backward()
        return loss

    return optimizer.step(closure).item()


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lowers_the_loss_and_repeats_bit_for_bit(member: Member, dtype: torch.dtype) -> None:
    ends = []
    for _ in range(2):
        model = network(dtype)
        optimizer = member(parameter_groups(model), lr=RATE)
        losses = [step(model, optimizer) for _ in range(40)]
        assert losses[-1] < 0.95 * losses[0]
        ends.append(model)
    assert same(*ends)


def through_a_file(optimizer: torch.optim.Optimizer, path: Path) -> dict[int, dict[str, Any]]:
    """The state of each parameter as a checkpoint keeps it: tensors in a file, plain values as JSON."""
    state = optimizer.state_dict()["state"]
    tensors = {f"{i}.{n}": v for i, values in state.items() for n, v in values.items() if isinstance(v, Tensor)}
    plain = {str(i): {n: v for n, v in values.items() if not isinstance(v, Tensor)} for i, values in state.items()}
    save_file(tensors, path)
    restored = {int(index): values for index, values in json.loads(json.dumps(plain)).items()}
    for place, value in load_file(path).items():
        index, _, name = place.partition(".")
        restored[int(index)][name] = value
    return restored


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("before", [3, 7])
def test_goes_on_from_its_state_alone_as_if_nothing_had_been(member: Member, before: int, tmp_path: Path) -> None:
    """The groups come from the recipe, as in a run that is resumed: only the state of the parameters is saved."""
    model, other = network(), network()
    optimizer = member(parameter_groups(model), lr=usual(member))
    for _ in range(before):
        step(model, optimizer)
    other.load_state_dict(model.state_dict())
    loaded = member(parameter_groups(other), lr=usual(member))
    state = through_a_file(optimizer, tmp_path / "state.safetensors")
    loaded.load_state_dict({"state": state, "param_groups": loaded.state_dict()["param_groups"]})
    for _ in range(6):
        step(model, optimizer)
        step(other, loaded)
    assert same(model, other)
    for group in loaded.param_groups:  # what was loaded still obeys its groups
        group["lr"] = 0.0
    held = [parameter.detach().clone() for parameter in other.parameters()]
    if member.id != "lookahead":  # it goes back to its slow weights at any rate
        step(other, loaded)
        assert all(torch.equal(a, b) for a, b in zip(other.parameters(), held, strict=True))


@pytest.mark.parametrize("member", MEMBERS)
def test_takes_plain_parameters_and_rate_scales_and_refuses_nothing(member: Member) -> None:
    model = network()
    assert {group["lr"] for group in member(model.parameters(), lr=0.25).param_groups} == {0.25}
    groups = [{"params": [model[0].weight]}, {"params": [model[0].bias], "rate_scale": 4.0}]
    assert [group["lr"] for group in member(groups, lr=0.25).param_groups] == [0.25, 1.0]
    assert "lr" not in groups[1]
    with pytest.raises(BadValue, match="no parameters to optimize"):
        member([], lr=0.1)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_rate_set_in_the_groups_holds(member: Member) -> None:
    """As the loop does at every step, by way of `rate_scale`."""
    model = network()
    groups = [{"params": list(model[0].parameters())}, {"params": list(model[3].parameters()), "rate_scale": 0.0}]
    optimizer = member(groups, lr=usual(member))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for group in optimizer.param_groups:
        group["lr"] = usual(member) * group.get("rate_scale", 1.0)
    step(model, optimizer)
    moved = [not torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True)]
    assert moved == [True, True, False, False, False, False, False, False]


@pytest.mark.parametrize("member", MEMBERS)
def test_parameters_without_a_gradient_stay(member: Member) -> None:
    model = network()
    optimizer = member(parameter_groups(model), lr=RATE)
    model[0].weight.requires_grad_(False)
    before = model[0].weight.detach().clone()
    for _ in range(3):
        step(model, optimizer)
    assert torch.equal(model[0].weight, before)


@pytest.mark.parametrize("member", MEMBERS)
def test_number_of_passes_is_as_it_states(member: Member) -> None:
    model = network()
    optimizer = member(parameter_groups(model), lr=usual(member))
    calls = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = model(INPUTS).square().mean()
        loss.backward()
        calls.append(loss)
        return loss

    assert optimizer.step(closure) is calls[0]
    assert len(calls) == (2 if member.facts.get("two_pass") else 1)


@pytest.mark.parametrize("member", MEMBERS)
def test_states_its_decay_and_its_usual_rates_or_whose_they_are(member: Member) -> None:
    if member.facts.get("wraps"):
        assert member.facts["wraps"] in member.parts
        assert not {"decay", "rate"} & member.facts.keys()
    within = optimizers[innermost(member.id).name]
    assert (within.facts["decay"] == "none") is ("weight_decay" not in within.hyper)
    low, high = within.facts["rate"]
    assert low <= usual(member) <= high
    assert all(low <= rate <= high for rate in member.tune["lr"][:2])


@pytest.mark.parametrize("member", DECAYING)
def test_decay_is_what_it_states(member: Member) -> None:
    """Coupled decay is a part of the gradient; decoupled decay shrinks the weights before the step."""
    lr, decay = usual(member), 0.5 / usual(member) * 0.01
    gradients = torch.randn(5, 6, 3, generator=torch.Generator().manual_seed(1))
    with_decay, by_hand = (nn.Parameter(torch.linspace(-1, 1, 18).reshape(6, 3)) for _ in range(2))
    own, plain = member([with_decay], lr=lr, weight_decay=decay), member([by_hand], lr=lr, weight_decay=0.0)
    for gradient in gradients:
        with_decay.grad, by_hand.grad = gradient.clone(), gradient.clone()
        with torch.no_grad():
            if member.facts["decay"] == "coupled":
                by_hand.grad += decay * by_hand
            else:
                by_hand *= 1 - lr * decay
        own.step()
        plain.step()
    torch.testing.assert_close(with_decay, by_hand, rtol=1e-5, atol=1e-6)
    no_decay = nn.Parameter(torch.linspace(-1, 1, 18).reshape(6, 3))
    spared = member([{"params": [no_decay], "weight_decay": 0.0}], lr=lr, weight_decay=decay)
    for gradient in gradients:
        no_decay.grad = gradient.clone()
        spared.step()
    assert not torch.allclose(no_decay, with_decay, atol=1e-3)


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.gpu
def test_lowers_the_loss_on_cuda(member: Member) -> None:
    weights = [torch.ones(8, 8, device="cuda", requires_grad=True), torch.ones(8, 2, device="cuda", requires_grad=True)]
    optimizer = member(weights, lr=0.01)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = weights[0].square().sum() + weights[1].square().sum()
        loss.backward()
        return loss

    first = optimizer.step(closure).item()
    for _ in range(20):
        last = optimizer.step(closure).item()
    assert last < 0.97 * first
