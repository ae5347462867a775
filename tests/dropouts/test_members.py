import copy

import pytest
import torch
from torch import nn

from trainwell.draws import StepDraws
from trainwell.dropouts import attach, dropouts
from trainwell.errors import BadValue


def test_what_is_kept_is_divided_by_1_minus_p() -> None:
    module = dropouts["dropout"](p=0.75)
    attach(module, StepDraws(seed=0))
    out = module(torch.full((100, 100), 3.0))
    assert out.unique().tolist() == [0.0, 12.0]
    assert (out > 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_the_factor_is_not_rounded_in_bf16() -> None:
    module = dropouts["dropout"](p=0.1)
    kept = module(torch.full((100,), 9.0, dtype=torch.bfloat16)).max().item()
    assert kept == 10.0  # 9 x bf16(1 / 0.9) would give 10 only by luck of rounding: 9 x 1.109 = 9.98


def test_gradient_flows_through_what_is_kept_only() -> None:
    module = dropouts["dropout"]()
    attach(module, StepDraws(seed=0))
    values = torch.ones(50, requires_grad=True)
    out = module(values)
    out.sum().backward()
    assert torch.equal(values.grad, out.detach())


def test_stochastic_depth_drops_whole_samples() -> None:
    module = dropouts["stochastic_depth"](nn.Identity(), p=0.5)
    attach(module, StepDraws(seed=0))
    out = module(torch.ones(1000, 3, 2, 2))
    assert torch.equal(out, out[:, :1, :1, :1].expand_as(out))
    assert out.unique().tolist() == [0.0, 2.0]
    assert (out[:, 0, 0, 0] > 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_layers_are_numbered_in_order_and_survive_a_copy() -> None:
    model = nn.Sequential(dropouts["dropout"](), nn.ReLU(), nn.Sequential(dropouts["dropout"]()))
    draws = StepDraws(seed=0)
    assert attach(model, draws) == 2
    assert [model[0].layer, model[2][0].layer] == [0, 1]
    values = torch.ones(4, 100)
    assert torch.equal(copy.deepcopy(model)(values), model(values))


def test_dropping_all_is_refused() -> None:
    with pytest.raises(BadValue, match=r"dropout.p=1 is not possible: expected a value in \[0, 1\)"):
        dropouts["dropout"](p=1)
