import pytest
import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.optimizers import optimizers, parameter_groups


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.LayerNorm([4, 4]), nn.Linear(4, 3))


def names(model: nn.Module, group: dict) -> list[str]:
    wanted = {id(p) for p in group["params"]}
    return [name for name, p in model.named_parameters() if id(p) in wanted]


def test_decay_skips_biases_and_norms() -> None:
    model = network()
    weights, rest = parameter_groups(model)
    assert names(model, weights) == ["0.weight", "4.weight"]
    assert names(model, rest) == ["0.bias", "1.weight", "1.bias", "3.weight", "3.bias", "4.bias"]
    assert "weight_decay" not in weights
    assert rest["weight_decay"] == 0.0
    decays = [group["weight_decay"] for group in optimizers["adamw"]([weights, rest], weight_decay=0.3).param_groups]
    assert decays == [0.3, 0.0]


def test_decay_on_all() -> None:
    assert not any("weight_decay" in group for group in parameter_groups(network(), weight_decay_on="all"))


def test_shifts_of_norms_get_their_own_rate() -> None:
    model = network()
    groups = parameter_groups(model, norm_bias_rate=64.0)
    assert names(model, groups[2]) == ["1.bias", "3.bias"]
    optimizer = optimizers["sgd"](groups, lr=0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5, 32.0]
    assert [group.get("rate_scale", 1.0) for group in optimizer.param_groups] == [1.0, 1.0, 64.0]
    assert optimizer.param_groups[2]["weight_decay"] == 0.0


def test_frozen_parameters_stay_out_and_no_group_is_empty() -> None:
    model = network()
    model[0].requires_grad_(False)
    assert "0.weight" not in names(model, parameter_groups(model)[0])
    assert len(parameter_groups(nn.Linear(2, 2, bias=False))) == 1
    with pytest.raises(BadValue, match="no parameter that is learnt"):
        parameter_groups(nn.Linear(2, 2).requires_grad_(False))


def test_each_parameter_once() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    counted = [p for group in parameter_groups(model) for p in group["params"]]
    assert len(counted) == 3
    torch.optim.SGD(parameter_groups(model), lr=0.1)
