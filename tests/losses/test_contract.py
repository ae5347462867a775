"""What every loss owes."""

import pytest
import torch

from trainwell.family import Member
from trainwell.losses import losses

MEMBERS = [pytest.param(member, id=member.id) for member in losses]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_is_a_finite_float32_scalar_whose_step_lowers_it(member: Member, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(16, 4, generator=generator).to(dtype).requires_grad_()
    classes = torch.randint(4, (16,), generator=generator)
    target = classes if member.facts["task"] == "classification" else torch.randn(16, 4, generator=generator)
    loss = member(output, target)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert member(output.detach() - output.grad, target) < loss


@pytest.mark.parametrize("member", MEMBERS)
def test_is_a_mean_over_the_batch(member: Member) -> None:
    output = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 1, 2, 3, 0, 1])
    target = classes if member.facts["task"] == "classification" else output.flip(0)
    rows = torch.stack([member(output[i : i + 1], target[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(member(output, target), rows.mean())
