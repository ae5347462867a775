"""What every loss owes."""

import pytest
import torch

from trainwell.errors import BadValue
from trainwell.family import Member
from trainwell.losses import losses

MEMBERS = [pytest.param(member, id=member.id) for member in losses]
CLASSIFICATION = [pytest.param(m, id=m.id) for m in losses if m.facts["task"] == "classification"]
CLASSES = torch.tensor([0, 1, 2, 3, 0, 1, 2, 2])


def batch(member: Member) -> tuple[torch.Tensor, torch.Tensor]:
    """An output (8, 4), and a target that goes with it."""
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(8, 4, generator=generator)
    return output, CLASSES if member.facts["task"] == "classification" else torch.randn(8, 4, generator=generator)


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_is_a_finite_float32_scalar_whose_step_lowers_it(member: Member, dtype: torch.dtype) -> None:
    output, target = batch(member)
    output = output.to(dtype).requires_grad_()
    loss = member(output, target)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert output.grad.dtype == dtype
    assert member(output.detach() - output.grad, target) < loss
    assert torch.equal(member(output, target), loss)


@pytest.mark.parametrize("member", MEMBERS)
def test_keeps_float64(member: Member) -> None:
    output, target = batch(member)
    fine = member(output.double(), target.double() if target.is_floating_point() else target)
    assert fine.dtype == torch.float64
    torch.testing.assert_close(fine.float(), member(output, target))


@pytest.mark.parametrize("member", MEMBERS)
def test_is_a_mean_over_the_batch(member: Member) -> None:
    output, target = batch(member)
    rows = torch.stack([member(output[i : i + 1], target[i : i + 1]) for i in range(len(output))])
    torch.testing.assert_close(member(output, target), rows.mean())


@pytest.mark.parametrize("member", MEMBERS)
def test_expects_what_it_says(member: Member) -> None:
    """Values are best at the target itself; logits go on falling beyond it, far outside [0, 1], and stay finite."""
    target = batch(member)[1]
    if member.facts["expects"] == "values":
        assert member(target, target) == 0.0
        assert member(2 * target, target) > 0.0
    else:
        assert member.facts["expects"] == "logits"
        one_hot = torch.nn.functional.one_hot(target, 4)
        assert member(200.0 * one_hot - 100.0, target) < 1e-6
        assert torch.isfinite(member(100.0 - 200.0 * one_hot, target))


@pytest.mark.parametrize("member", CLASSIFICATION)
def test_takes_distributions_where_it_says_so(member: Member) -> None:
    """A distribution of one class is that class, and the loss of a mixture lies between: it is linear in the target."""
    output, target = batch(member)
    one_hot = torch.nn.functional.one_hot(target, 4).float()
    if not member.facts["soft_targets"]:
        with pytest.raises(BadValue, match="takes the class of each row"):
            member(output, one_hot)
        return
    torch.testing.assert_close(member(output, one_hot), member(output, target))
    other = one_hot.roll(1, 0)
    mixed = 0.3 * member(output, one_hot) + 0.7 * member(output, other)
    torch.testing.assert_close(member(output, 0.3 * one_hot + 0.7 * other), mixed)


@pytest.mark.parametrize("member", CLASSIFICATION)
def test_shapes_that_do_not_fit_are_refused(member: Member) -> None:
    output, _ = batch(member)
    with pytest.raises(BadValue, match=r"output has shape \(8, 4\) and the target \(8, 3\)"):
        member(output, torch.full((8, 3), 1 / 3))
