"""What every norm owes."""

import pytest
import torch

from trainwell.errors import BadValue
from trainwell.family import Member
from trainwell.norms import norms

MEMBERS = [pytest.param(member, id=member.id) for member in norms]
SHAPES = {0: (8, 64), 1: (8, 64, 5), 2: (8, 64, 5, 5), 3: (4, 64, 3, 3, 3)}


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("dimensions", SHAPES)
def test_keeps_the_shape_and_trains(member: Member, dimensions: int) -> None:
    module = member(64, dimensions)
    inputs = torch.randn(SHAPES[dimensions], generator=torch.Generator().manual_seed(0)).requires_grad_()
    module(inputs).square().sum().backward()
    assert module(inputs).shape == inputs.shape
    assert torch.isfinite(inputs.grad).all()
    again = member(64, dimensions)
    again.load_state_dict(module.state_dict())
    assert torch.equal(again.eval()(inputs), module.eval()(inputs))
    half = member(64, dimensions).bfloat16()(inputs.detach().bfloat16())
    torch.testing.assert_close(half.float(), member(64, dimensions)(inputs).detach(), atol=0.05, rtol=0.02)


@pytest.mark.parametrize("member", MEMBERS)
def test_only_norms_over_the_batch_see_other_samples(member: Member) -> None:
    inputs = torch.randn(8, 64, 5, 5, generator=torch.Generator().manual_seed(0))
    module = member(64, 2)
    alone = torch.allclose(module(inputs)[:2], module(inputs[:2]), atol=1e-5)
    assert alone != member.facts.get("over_batch", False)


@pytest.mark.parametrize("member", MEMBERS)
def test_impossible_dimensions_are_refused(member: Member) -> None:
    with pytest.raises(BadValue, match="0 to 3 dimensions beyond the features, got 4"):
        member(64, 4)
