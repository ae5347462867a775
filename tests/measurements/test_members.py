"""Each measurement against numbers worked out by hand, and on a faulty network beside its clean twin."""

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.measurements import Step, measurements
from trainwell.measurements.collector import Collector
from trainwell.measurements.ranges import UnitRanges


def step_of(model: nn.Module, **given: Any) -> Step:
    return Step(
        1, 10, torch.zeros(()), model, torch.optim.SGD(model.parameters()), 0.1, given.pop("updates", []), **given
    )


def numbers(id: str, step: Step, **args: Any) -> dict[str, float]:
    return {name: float(value) for name, value in measurements[id](step, **args).items()}


def passed(model: nn.Module, *batches: Tensor) -> Step:
    """A step that has seen some batches, of which the last one had its gradient taken."""
    collector, ranges = Collector(model, slopes=True), UnitRanges()
    for x in batches:
        model.zero_grad()
        with collector.looking():
            output = model(x)
        output.square().mean().backward()
        ranges.add(collector.activations, len(x))
    return step_of(
        model,
        activations=collector.activations,
        slopes=collector.slopes,
        unit_ranges=ranges.ranges(),
        range_samples=ranges.samples,
    )


def stack(activation: type[nn.Module], depth: int, gain: float, bias: float = 0.0) -> nn.Sequential:
    """So many layers of 32, with weights of variance gain^2 / 32."""
    generator = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(depth):
        layer = nn.Linear(32, 32)
        nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(32), generator=generator)
        nn.init.constant_(layer.bias, bias)
        layers += [layer, activation()]
    return nn.Sequential(*layers, nn.Linear(32, 1))


def batch(seed: int = 0, size: int = 64) -> Tensor:
    return torch.randn(size, 32, generator=torch.Generator().manual_seed(100 + seed))


def test_gradient_norm_by_hand_and_before_clipping() -> None:
    model = nn.Linear(2, 1)
    model.weight.grad, model.bias.grad = torch.tensor([[3.0, 4.0]]), torch.tensor([12.0])
    assert numbers("gradient_norm", step_of(model)) == {"gradient_norm": 13.0}
    assert numbers("gradient_norm", step_of(model, gradient_norm=torch.tensor(99.0))) == {"gradient_norm": 99.0}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_update_ratio_by_hand_is_the_lower_median(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)).to(dtype)
    updates = []
    for layer, weight, update in zip(model, ([3, 4], 2, 2, 2), ([0.6, 0.8], 4, 0.5, 8), strict=True):
        layer.weight.data = torch.tensor(weight, dtype=dtype).view_as(layer.weight)
        updates.append(torch.tensor(update, dtype=dtype).view_as(layer.weight))
    # 1/5, 2, 1/4 and 4: the second smallest
    assert numbers("update_ratio", step_of(model, updates=updates))["update_ratio"] == pytest.approx(0.25)


def test_dead_units_by_hand() -> None:
    ranges = {
        "first": torch.tensor([[0.0, 0.0, -1.0, 1.0], [0.0, 2.0, -1.0, 1.5]]),  # the first and the third never move
        "last": torch.tensor([[0.0, 1.0], [0.5, 2.0]]),
    }
    step = step_of(nn.Linear(1, 1), unit_ranges=ranges, range_samples=96)
    assert numbers("dead_units", step) == {
        "dead_units_mean": 0.25,
        "dead_units_max": 0.5,
        "dead_units_samples": 96.0,
        "dead_units.first": 0.5,
        "dead_units.last": 0.0,
    }


def test_dead_units_are_counted_per_unit_and_over_batches() -> None:
    """A bias far below 0 kills; half of a healthy layer's values are 0, and a unit that is seldom active lives."""
    clean, faulty = stack(nn.ReLU, 2, math.sqrt(2.0)), stack(nn.ReLU, 2, math.sqrt(2.0), bias=-20.0)
    batches = [batch(seed) for seed in range(4)]
    alive, dead = passed(clean, *batches), passed(faulty, *batches)
    assert numbers("dead_units", alive)["dead_units_max"] == 0.0
    assert numbers("dead_units", dead)["dead_units_mean"] == 1.0
    assert float((alive.activations["1"] == 0).float().mean()) > 0.4
    clean[0].bias.data[:8] = -3.2  # active for about one sample in a hundred
    once, often = passed(clean, batch(0)), passed(clean, *[batch(seed) for seed in range(12)])
    assert numbers("dead_units", once)["dead_units.1"] > 0.05
    assert numbers("dead_units", often)["dead_units.1"] == 0.0


def test_a_dead_channel_is_a_unit() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 1))
    model[0].bias.data[:] = torch.tensor([0.0, 0.0, 0.0, -50.0])
    images = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5
    assert numbers("dead_units", passed(model, images))["dead_units.1"] == 0.25


def test_saturation_by_hand() -> None:
    step = step_of(nn.Linear(1, 1), slopes={"a": torch.tensor([0.0, 0.009, 0.02, 1.0]), "b": torch.ones(3)})
    assert numbers("saturation", step) == {
        "saturation_mean": 0.25,
        "saturation_max": 0.5,
        "saturation.a": 0.5,
        "saturation.b": 0.0,
    }
    assert numbers("saturation", step, under=0.5)["saturation.a"] == 0.75


def test_saturation_of_large_weights_beside_good_ones() -> None:
    faulty, clean = passed(stack(nn.Tanh, 4, 20.0), batch()), passed(stack(nn.Tanh, 4, 1.0), batch())
    assert numbers("saturation", faulty)["saturation_mean"] > 0.8
    assert numbers("saturation", clean)["saturation_max"] < 0.02


def test_activation_scale_by_hand() -> None:
    first = torch.tensor([[1.0, 0.0], [3.0, 4.0]])  # variances 1 and 4; mean square 26 / 4
    last = torch.tensor([[2.0], [2.0]])
    found = numbers("activation_scale", step_of(nn.Linear(1, 1), activations={"first": first, "last": last}))
    assert found["activation_scale.first"] == pytest.approx(math.sqrt(2.5))
    assert found["activation_scale.last"] == found["activation_scale_ratio"] == found["activation_contrast"] == 0.0
    found = numbers("activation_scale", step_of(nn.Linear(1, 1), activations={"last": last, "first": first}))
    assert found["activation_contrast"] == 0.0 and found["activation_scale_ratio"] > 1e30
    found = numbers("activation_scale", step_of(nn.Linear(1, 1), activations={"first": first}))
    assert found["activation_contrast"] == pytest.approx(math.sqrt(2.5 / 6.5))
    assert numbers("activation_scale", step_of(nn.Linear(1, 1), activations={"one": first[:1]})) == {}


def test_activation_scale_of_small_weights_beside_good_ones() -> None:
    faulty, clean = passed(stack(nn.Tanh, 6, 0.1), batch()), passed(stack(nn.Tanh, 6, 1.0), batch())
    assert numbers("activation_scale", faulty)["activation_scale_ratio"] == pytest.approx(0.1**5, rel=0.3)
    assert numbers("activation_scale", clean)["activation_scale_ratio"] > 0.3
    alike = stack(nn.Sigmoid, 6, 0.1)
    assert numbers("activation_scale", passed(alike, batch()))["activation_contrast"] < 1e-6
    assert (
        numbers("activation_scale", clean_step := passed(stack(nn.ReLU, 3, 1.4), batch()))["activation_contrast"] > 0.5
    )
    assert len(clean_step.activations) == 3


def test_gradient_flow_by_hand() -> None:
    model = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1), nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1))
    model[2].requires_grad_(False)
    model[0].weight.grad, model[0].bias.grad = torch.tensor([[3.0, 4.0]]), torch.tensor([100.0])
    model[4].weight.grad = torch.tensor([[2.0]])
    assert numbers("gradient_flow", step_of(model)) == {
        "gradient_flow_ratio": 2.5,
        "gradient_flow_min": 0.0,
        "gradient_flow_max": 2.5,  # of 5, 0 and 2, the third of which got no gradient
        "gradient_flow.0": 5.0,
        "gradient_flow.3": 0.0,
        "gradient_flow.4": 2.0,
    }


def test_gradient_flow_of_a_sigmoid_stack_beside_relu() -> None:
    faulty, clean = passed(stack(nn.Sigmoid, 8, 1.0), batch()), passed(stack(nn.ReLU, 8, math.sqrt(2.0)), batch())
    assert numbers("gradient_flow", faulty)["gradient_flow_ratio"] < 1e-4
    assert 0.05 < numbers("gradient_flow", clean)["gradient_flow_ratio"] < 20


def test_weight_norm_by_hand() -> None:
    model = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1), nn.Linear(1, 1), nn.Linear(1, 1))
    model[0].weight.data, model[2].weight.data = torch.tensor([[3.0, 4.0]]), torch.tensor([[-12.0]])
    model[3].requires_grad_(False)
    assert numbers("weight_norm", step_of(model)) == {
        "weight_norm": 13.0,
        "weight_norm.0": 5.0,
        "weight_norm.2": 12.0,
    }


def test_a_shared_weight_is_one_layer() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    assert set(numbers("weight_norm", step_of(model))) == {"weight_norm", "weight_norm.0"}


def test_clipped_share_by_hand() -> None:
    step = step_of(nn.Linear(1, 1), gradient_norm=torch.tensor(4.0), clipped_norm=torch.tensor(1.0))
    assert numbers("clipped_share", step) == {"clipped": 1.0, "clipped_share": 0.75}
    untouched = dataclasses.replace(step, clipped_norm=torch.tensor(4.0 * (1 - 1e-6)))
    assert numbers("clipped_share", untouched) == {"clipped": 0.0, "clipped_share": 0.0}
    none = dataclasses.replace(step, gradient_norm=torch.tensor(0.0), clipped_norm=torch.tensor(0.0))
    assert numbers("clipped_share", none) == {"clipped": 0.0, "clipped_share": 0.0}


def test_loss_noise_by_hand_and_free_of_a_trend() -> None:
    losses = [torch.tensor(value) for value in (1.0, 3.0, 1.0, 3.0)]  # three jumps of 2, a mean of 2
    assert numbers("loss_noise", step_of(nn.Linear(1, 1), losses=losses))["loss_noise"] == pytest.approx(0.5**0.5)
    assert numbers("loss_noise", step_of(nn.Linear(1, 1), losses=losses[:1])) == {}
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(50, generator=generator)
    for trend in (torch.zeros(50), torch.linspace(0.5, -0.5, 50)):
        curve = list((1 + trend + noise).unbind())
        found = numbers("loss_noise", step_of(nn.Linear(1, 1), losses=curve))["loss_noise"]
        assert found == pytest.approx(0.1, rel=0.25)
