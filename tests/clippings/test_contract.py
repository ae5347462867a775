"""What every clipping owes."""

import pytest
import torch

from trainwell.clippings import clippings
from trainwell.family import Member

MEMBERS = [pytest.param(member, id=member.id) for member in clippings]


def parameters(scale: float, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    made = [torch.ones(2, 2, dtype=dtype).requires_grad_() for _ in range(3)]
    for parameter in made[:2]:
        parameter.grad = torch.tensor([[3.0, 0.0], [0.0, -4.0]], dtype=dtype) * scale
    return made


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gives_the_norm_before_and_never_lengthens(member: Member, dtype: torch.dtype) -> None:
    large = parameters(1.0, dtype)
    before = member(large, limit=1.0)
    assert before.dtype == torch.float32
    assert before.item() == pytest.approx(50**0.5, rel=1e-3)
    again = parameters(1.0, dtype)
    member(again, limit=1.0)
    assert all(torch.equal(one.grad, two.grad) for one, two in zip(large[:2], again[:2], strict=True))
    after = member(large, limit=1.0).item()
    assert after < before.item()
    assert large[2].grad is None
    small = parameters(0.01, dtype)
    kept = small[0].grad.clone()
    member(small, limit=1.0)
    assert torch.equal(small[0].grad, kept)


@pytest.mark.parametrize("member", MEMBERS)
def test_nothing_to_clip_is_fine_and_a_nan_shows(member: Member) -> None:
    assert member([torch.ones(2, requires_grad=True)], limit=1.0).item() == 0.0
    broken = parameters(1.0)
    broken[0].grad[0, 0] = torch.nan
    assert torch.isnan(member(broken, limit=1.0))
