"""What every pooling owes."""

import pytest
import torch

from trainwell.errors import BadValue
from trainwell.family import Member
from trainwell.poolings import poolings

MEMBERS = [pytest.param(member, id=member.id) for member in poolings]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(
    ("dimensions", "dtype"),
    [(1, torch.float32), (2, torch.float32), (3, torch.float32), (1, torch.bfloat16), (2, torch.bfloat16)],
)
def test_shrinks_the_map_and_passes_gradients(member: Member, dimensions: int, dtype: torch.dtype) -> None:
    maps = (
        torch.randn((2, 3) + (6,) * dimensions, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    )
    out = member(3, dimensions)(maps)
    assert out.shape[:2] == (2, 3)
    assert out.ndim == (2 if member.facts.get("overall") else maps.ndim)
    assert out.numel() < maps.numel()
    out.float().sum().backward()
    torch.testing.assert_close(maps.grad.float().sum(), torch.tensor(float(out.numel())), rtol=0.01, atol=0)


@pytest.mark.parametrize("member", MEMBERS)
def test_rows_of_a_table_are_refused(member: Member) -> None:
    with pytest.raises(BadValue, match="pools over 1 to 3 dimensions, got 0"):
        member(3, 0)
