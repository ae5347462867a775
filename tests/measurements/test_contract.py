"""What every measurement owes."""

import copy
import functools

import pytest
import torch
from torch import nn

from trainwell.family import Member
from trainwell.measurements import Step, any_needs, measurements
from trainwell.measurements.collector import Collector
from trainwell.measurements.ranges import UnitRanges
from trainwell.optimizers import optimizers
from trainwell.parameters import global_norm, weights_of

MEMBERS = [pytest.param(member, id=member.id) for member in measurements]


@functools.cache  # what measures changes nothing, and that is tested
def stepped(optimizer_id: str, dtype: torch.dtype = torch.float32) -> Step:
    torch.manual_seed(0)
    layers = (nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sigmoid(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    model = nn.Sequential(*layers).to(dtype)
    optimizer = optimizers[optimizer_id](model.parameters(), lr=0.1)
    batch = torch.randn(8, 3, dtype=dtype)
    collector, ranges = Collector(model, slopes=True), UnitRanges()

    def gradient() -> torch.Tensor:
        optimizer.zero_grad()
        with collector.looking():
            output = model(batch)
        loss = output.float().square().mean()
        loss.backward()
        return loss

    before = [weight.detach().clone() for weight in weights_of(model)]
    loss = optimizer.step(gradient).detach()
    updates = [weight.detach() - old for weight, old in zip(weights_of(model), before, strict=True)]
    ranges.add(collector.activations, len(batch))
    norm = global_norm([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    return Step(
        step=1,
        total_steps=10,
        loss=loss,
        model=model,
        optimizer=optimizer,
        lr=0.1,
        updates=updates,
        gradient_norm=2 * norm,
        clipped_norm=norm,
        losses=[loss + 1, loss],
        activations=collector.activations,
        slopes=collector.slopes,
        unit_ranges=ranges.ranges(),
        range_samples=ranges.samples,
    )


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("optimizer", optimizers.names)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gives_finite_scalars_and_changes_nothing(member: Member, optimizer: str, dtype: torch.dtype) -> None:
    step = stepped(optimizer, dtype)
    weights = copy.deepcopy(step.model.state_dict())
    gradients = [parameter.grad.clone() for parameter in step.model.parameters()]
    state = copy.deepcopy(step.optimizer.state_dict())
    random = torch.get_rng_state()
    measured = member(step)
    assert measured
    assert any(value > 0 for value in measured.values())
    for value in measured.values():
        assert value.shape == ()
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
        assert value >= 0
        assert not value.requires_grad
    assert all(torch.equal(value, weights[name]) for name, value in step.model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(step.model.parameters(), gradients, strict=True))
    assert str(step.optimizer.state_dict()) == str(state)
    assert torch.equal(torch.get_rng_state(), random)
    assert member(step) == measured


@pytest.mark.parametrize("member", MEMBERS)
def test_a_model_without_weights_and_gradients_is_fine(member: Member) -> None:
    model = nn.BatchNorm1d(3)
    step = Step(1, 10, torch.zeros(()), model, torch.optim.SGD(model.parameters()), 0.1, [])
    assert all(value.item() == 0.0 for value in member(step).values())


def test_no_two_numbers_have_one_name() -> None:
    step = stepped("sgd")
    names = [name for member in measurements for name in member(step)]
    assert len({*names, "kind", "step", "lr", "loss"}) == len(names) + 4
    assert {name.partition(".")[2] for name in names} == {"", "0", "2", "3", "4", "5"}


@pytest.mark.parametrize("member", [p for p in MEMBERS if "layers" in p.values[0].hyper])
def test_numbers_of_layers_can_be_left_out(member: Member) -> None:
    step = stepped("sgd")
    whole, short = member(step), member(step, layers=False)
    assert short == {name: value for name, value in whole.items() if "." not in name}
    assert 0 < len(short) < len(whole)


def test_what_is_needed_is_known_by_name() -> None:
    assert any_needs("needs_activations", ["gradient_norm", "dead_units"])
    assert not any_needs("needs_slopes", ["gradient_norm", "dead_units"])
    assert any_needs("needs_slopes", ["trainwell.measurements.saturation:saturation"])
    assert not any_needs("needs_activations", ["a name of my own"])
