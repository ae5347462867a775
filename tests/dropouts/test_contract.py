"""What every dropout owes."""

import pytest
import torch
from torch import nn

from trainwell.draws import StepDraws
from trainwell.dropouts import attach, dropouts
from trainwell.family import Member

MEMBERS = [pytest.param(member, id=member.id) for member in dropouts]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


INPUTS = normal(64, 32)


def made(member: Member, p: float, features: int = 32) -> nn.Module:
    wraps = member.facts.get("wraps")
    if wraps is None:
        return member(p=p)
    if wraps == "branch":
        return member(nn.Identity(), p=p)
    layer = nn.Linear(features, features)
    with torch.no_grad():  # so that standard normal inputs give outputs of variance 1
        layer.weight.copy_(nn.functional.normalize(normal(features, features, seed=1), dim=1))
        layer.bias.zero_()
    return member(layer, p=p)


@pytest.mark.parametrize("member", MEMBERS)
def test_evaluation_and_p_0_drop_nothing(member: Member) -> None:
    module = made(member, 0.5)
    kept = module.eval()(INPUTS)
    assert torch.equal(kept, module(INPUTS))
    nothing = made(member, 0.0)
    nothing.load_state_dict(module.state_dict())
    assert torch.equal(nothing.train()(INPUTS), kept)
    assert not torch.equal(module.train()(INPUTS), kept)


@pytest.mark.parametrize("member", MEMBERS)
def test_masks_hang_on_seed_step_and_layer(member: Member) -> None:
    module = nn.Sequential(made(member, 0.5))
    draws = StepDraws(seed=3)
    assert attach(module, draws) == 1

    def out(step: int) -> torch.Tensor:
        draws.step = step
        return module(INPUTS)

    first, other = out(0), out(1)
    assert torch.equal(out(0), first)
    assert not torch.equal(other, first)
    module[0].layer = 1
    assert not torch.equal(out(0), first)
    attach(module, StepDraws(seed=4))
    assert not torch.equal(module(INPUTS), first)
    attach(module, None)
    torch.manual_seed(0)
    by_default = module(INPUTS)
    torch.manual_seed(0)
    assert torch.equal(module(INPUTS), by_default)


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_mean_over_masks_is_what_evaluation_gives(member: Member, dtype: torch.dtype) -> None:
    module = made(member, 0.25).to(dtype)
    inputs = INPUTS[:8].to(dtype)
    draws = StepDraws(seed=0)
    attach(module, draws)
    kept = module.eval()(inputs).float()
    module.train()
    total = torch.zeros(8, 32)
    for draws.step in range(4000):
        total += module(inputs).float()
    off = (total / 4000 - kept).abs().max().item()
    # The mean of inputs of any size is kept, or that of standardised ones only: a single value is not.
    assert (off < 0.15) != member.facts["keeps_moments"]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keeps_moments(member: Member, dtype: torch.dtype) -> None:
    module = made(member, 0.3).to(dtype)
    attach(module, StepDraws(seed=0))
    out = module(normal(40_000, 32).to(dtype))
    assert out.dtype == dtype
    assert out.float().mean().item() == pytest.approx(0.0, abs=0.01)
    assert (out.float().var().item() == pytest.approx(1.0, abs=0.02)) == member.facts["keeps_moments"]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_flow(member: Member, dtype: torch.dtype) -> None:
    module = made(member, 0.5).to(dtype)
    inputs = INPUTS.to(dtype, copy=True).requires_grad_()
    module(inputs).sum().backward()
    assert torch.isfinite(inputs.grad).all() and inputs.grad.any()
    assert all(torch.isfinite(parameter.grad).all() for parameter in module.parameters())
