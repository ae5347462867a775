"""What every norm owes."""

import pytest
import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.family import Member
from trainwell.norms import norms
from trainwell.parameters import is_norm

MEMBERS = [pytest.param(member, id=member.id) for member in norms]
SHAPES = {0: (8, 64), 1: (8, 64, 5), 2: (8, 64, 5, 5), 3: (4, 64, 3, 3, 3)}
TAKEN = [
    pytest.param(member, dimensions, id=f"{member.id}-{dimensions}")
    for member in norms
    for dimensions in SHAPES
    if dimensions > 0 or not member.facts["needs_positions"]
]


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("member", "dimensions"), TAKEN)
def test_keeps_the_shape_and_trains(member: Member, dimensions: int) -> None:
    module = member(64, dimensions)
    inputs = normal(*SHAPES[dimensions]).requires_grad_()
    module(inputs).pow(3).sum().backward()
    assert module(inputs).shape == inputs.shape
    assert torch.isfinite(inputs.grad).all()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())
    again = member(64, dimensions)
    again.load_state_dict(module.state_dict())
    assert torch.equal(again.eval()(inputs), module.eval()(inputs))


@pytest.mark.parametrize(("member", "dimensions"), TAKEN)
def test_bf16_is_near_float32(member: Member, dimensions: int, recwarn: pytest.WarningsRecorder) -> None:
    inputs = normal(*SHAPES[dimensions])
    expected = member(64, dimensions)(inputs)
    half = inputs.bfloat16().requires_grad_()
    out = member(64, dimensions).bfloat16()(half)
    out.sum().backward()
    torch.testing.assert_close(out.float(), expected, atol=0.05, rtol=0.02)
    assert torch.isfinite(half.grad).all()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = member(64, dimensions)(inputs.bfloat16())
    torch.testing.assert_close(mixed.float(), expected, atol=0.05, rtol=0.02)
    assert not recwarn.list


@pytest.mark.parametrize("member", MEMBERS)
def test_layout_in_memory_is_kept_and_changes_nothing(member: Member) -> None:
    inputs = normal(*SHAPES[2])
    turned = inputs.to(memory_format=torch.channels_last)
    out = member(64, 2)(turned)
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, member(64, 2)(inputs), atol=1e-5, rtol=0)


@pytest.mark.parametrize("member", MEMBERS)
def test_over_batch(member: Member) -> None:
    inputs = normal(8, 64, 5, 5)
    module = member(64, 2)
    alone = torch.allclose(module(inputs)[:2], module(inputs[:2]), atol=1e-5)
    assert alone != member.facts["over_batch"]


@pytest.mark.parametrize("member", MEMBERS)
def test_smallest_batch(member: Member) -> None:
    smallest = member.facts["smallest_batch"]
    dimensions = int(member.facts["needs_positions"])
    member(64, dimensions)(normal(smallest, *SHAPES[dimensions][1:]))
    if smallest > 1:
        with pytest.raises(ValueError, match="more than 1 value"):
            member(64, dimensions)(normal(smallest - 1, *SHAPES[dimensions][1:]))


@pytest.mark.parametrize("member", MEMBERS)
def test_needs_positions(member: Member) -> None:
    if member.facts["needs_positions"]:
        with pytest.raises(BadValue, match="1 to 3 dimensions beyond the features, got 0"):
            member(64, 0)
    else:
        assert member(64, 0)(normal(8, 64)).shape == (8, 64)


@pytest.mark.parametrize("member", MEMBERS)
def test_absorbs_bias(member: Member) -> None:
    inputs, shift = normal(8, 64, 5, 5), torch.linspace(-1, 1, 64)[:, None, None]
    unmoved = torch.allclose(member(64, 2)(inputs), member(64, 2)(inputs + shift), atol=1e-4)
    assert unmoved == member.facts["absorbs_bias"]


@pytest.mark.parametrize("member", MEMBERS)
def test_normalises(member: Member) -> None:
    square = member(64, 2)(normal(8, 64, 5, 5) * 30).square().mean().item()
    assert (square == pytest.approx(1.0, abs=0.01)) == member.facts["normalises"]


@pytest.mark.parametrize("member", MEMBERS)
def test_is_known_as_a_norm(member: Member) -> None:
    module = member(64, 2)
    assert is_norm(module) or isinstance(module, nn.Identity)


@pytest.mark.parametrize("member", MEMBERS)
def test_impossible_dimensions_are_refused(member: Member) -> None:
    with pytest.raises(BadValue, match="to 3 dimensions beyond the features, got 4"):
        member(64, 4)
