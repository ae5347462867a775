"""What every pooling owes."""

import pytest
import torch

from trainwell.draws import StepDraws
from trainwell.errors import BadValue
from trainwell.family import Member
from trainwell.poolings import poolings, shrinks

MEMBERS = [pytest.param(member, id=member.id) for member in poolings]


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(
    ("dimensions", "dtype"),  # torch's average pooling has no bf16 in 3 dimensions on the CPU
    [(1, torch.float32), (2, torch.float32), (3, torch.float32), (1, torch.bfloat16), (2, torch.bfloat16)],
)
def test_shrinks_the_map_and_passes_gradients(member: Member, dimensions: int, dtype: torch.dtype) -> None:
    maps = normal(2, 3, *(6,) * dimensions).to(dtype).requires_grad_()
    out = member(3, dimensions)(maps)
    assert out.dtype == dtype
    assert out.shape[:2] == (2, 3)
    assert out.ndim == (2 if member.facts["overall"] else maps.ndim)
    assert out.numel() < maps.numel()
    out.float().sum().backward()
    torch.testing.assert_close(maps.grad.float().sum(), torch.tensor(float(out.numel())), rtol=0.01, atol=0)


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("side", [4, 7, 8, 23, 32])
def test_shrinks_says_by_how_much(member: Member, side: int) -> None:
    if member.facts["overall"]:
        with pytest.raises(BadValue, match=f"The pooling '{member.id}' has no windows"):
            shrinks(member.id)
        return
    out = member(3, 2)(normal(2, 3, side, side + 5))
    assert out.shape[2:] == (int(side / shrinks(member.id)), int((side + 5) / shrinks(member.id)))


@pytest.mark.parametrize("member", MEMBERS)
def test_layout_in_memory_is_kept_and_changes_nothing(member: Member) -> None:
    maps = normal(2, 3, 6, 6)
    turned = maps.to(memory_format=torch.channels_last)
    module = member(3, 2).eval()
    torch.testing.assert_close(module(turned), module(maps))
    assert member.facts["overall"] or module(turned).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("member", MEMBERS)
def test_draws_hang_on_seed_step_and_layer(member: Member) -> None:
    module = member(3, 2)
    assert hasattr(module, "draws") == member.facts["draws"]
    maps = normal(2, 3, 30, 30)
    assert torch.equal(module.eval()(maps), module(maps))
    module.train()
    module.draws, module.layer = StepDraws(seed=3), 0

    def out(step: int) -> torch.Tensor:
        module.draws.step = step
        return module(maps)

    first = out(0)
    assert torch.equal(out(0), first)
    assert torch.equal(out(1), first) != member.facts["draws"]
    module.layer = 1
    assert torch.equal(out(0), first) != member.facts["draws"]
    module.layer, module.draws = 0, StepDraws(seed=4)
    assert torch.equal(out(0), first) != member.facts["draws"]


@pytest.mark.parametrize("member", MEMBERS)
def test_nothing_is_saved(member: Member) -> None:
    assert not member(3, 2).state_dict()


@pytest.mark.parametrize("member", MEMBERS)
def test_rows_of_a_table_are_refused(member: Member) -> None:
    with pytest.raises(BadValue, match="pools over 1 to 3 dimensions, got 0"):
        member(3, 0)
