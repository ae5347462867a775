"""What every dropout owes."""

import pytest
import torch
from torch import nn

from trainwell.draws import StepDraws
from trainwell.dropouts import attach, dropouts
from trainwell.family import Member

MEMBERS = [pytest.param(member, id=member.id) for member in dropouts]
INPUTS = torch.randn(64, 32, generator=torch.Generator().manual_seed(0))


def made(member: Member, p: float) -> nn.Module:
    wrapped = {"layer": nn.Linear(32, 32), "branch": nn.Identity()}.get(member.facts.get("wraps", ""))
    return member(p=p) if wrapped is None else member(wrapped, p=p)


@pytest.mark.parametrize("member", MEMBERS)
def test_evaluation_and_p_0_drop_nothing(member: Member) -> None:
    module = made(member, 0.5)
    kept = module.eval()(INPUTS)
    assert torch.equal(kept, module(INPUTS))
    nothing = made(member, 0.0)
    nothing.load_state_dict(module.state_dict())
    assert torch.equal(nothing.train()(INPUTS), kept)


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
def test_the_mean_is_kept(member: Member, dtype: torch.dtype) -> None:
    module = made(member, 0.1).to(dtype)
    attach(module, StepDraws(seed=0))
    ones = torch.ones(20_000, 32, dtype=dtype)
    kept = module.eval()(ones).float().mean()
    dropped = module.train()(ones)
    assert dropped.dtype == dtype
    if member.facts.get("wraps") != "layer":
        assert dropped.float().mean().item() == pytest.approx(kept.item(), rel=0.01)
