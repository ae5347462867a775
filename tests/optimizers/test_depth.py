import pytest
import torch
from torch import nn

from trainwell.models import build
from trainwell.optimizers import optimizers, parameter_groups
from trainwell.optimizers.depth import distances


def by_name(model: nn.Module) -> dict[str, int]:
    found = distances(model)
    return {name: found[id(parameter)] for name, parameter in model.named_parameters()}


def test_a_norm_goes_with_the_layer_before_it() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 1))
    found = by_name(model)
    assert [found[name] for name in ("0.weight", "1.bias", "3.bias", "4.weight")] == [2, 2, 1, 0]


def test_a_block_is_a_layer() -> None:
    found = by_name(build("resnet18", (3, 32, 32), 4, 0))
    assert found["fc.weight"] == 0
    assert found["layer4.1.conv1.weight"] == found["layer4.1.bn2.weight"] == 1
    assert found["layer4.0.downsample.0.weight"] == 2
    assert found["conv1.weight"] == found["bn1.bias"] == 9


def test_what_the_network_holds_by_itself_is_as_far_as_the_first_layer() -> None:
    model = nn.Module()
    model.token = nn.Parameter(torch.zeros(1))
    model.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    model.head = nn.Linear(2, 1)
    found = by_name(model)
    assert [found[name] for name in ("token", "layers.0.weight", "layers.1.bias", "head.bias")] == [2, 2, 1, 0]


@pytest.mark.parametrize("optimizer", [member.id for member in optimizers])
def test_each_layer_has_its_rate(optimizer: str) -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    groups = parameter_groups(model, layer_decay=0.5, norm_bias_rate=8.0)
    made = optimizers.build(optimizers.part(optimizer, lr=0.01), groups)
    rates = {id(p): group["lr"] for group in made.param_groups for p in group["params"]}
    found = {name: rates[id(parameter)] / 0.01 for name, parameter in model.named_parameters()}
    assert found == pytest.approx(
        {"0.weight": 0.5, "0.bias": 0.5, "1.weight": 0.5, "1.bias": 4.0, "2.weight": 1.0, "2.bias": 1.0}
    )


def test_without_a_decay_the_groups_are_as_they_were() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    assert [len(group["params"]) for group in parameter_groups(model)] == [2, 4]
    assert not any("rate_scale" in group for group in parameter_groups(model))
