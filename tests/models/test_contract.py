"""What every model that can be built from its defaults owes."""

import inspect
from typing import Any

import pytest
import torch
from torch import nn

from trainwell.family import Member, Part
from trainwell.models import build, models, prepare

BUILDABLE = [
    pytest.param(member, id=member.id)
    for member in models
    if not any(p.default is inspect.Parameter.empty for p in member.hyper.values())
]
SMALL: dict[str, Any] = {"width": 16, "hidden": (32,)}


def small(member: Member) -> Part:
    """The model with its defaults, but for its sizes."""
    return models.part(member.id, **{name: value for name, value in SMALL.items() if name in member.hyper})


@pytest.mark.parametrize("member", BUILDABLE)
def test_same_seed_same_bits_and_the_global_random_state_is_left(member: Member) -> None:
    before = torch.get_rng_state()
    first, again, other = (build(small(member), (3, 16, 16), 5, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


@pytest.mark.parametrize("member", BUILDABLE)
def test_runs_in_fp32_and_bf16_and_every_learnt_parameter_gets_a_gradient(member: Member) -> None:
    model = build(small(member), (3, 16, 16), 5, 0)
    images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    prepare(model, images)
    plain = model(images)
    assert plain.shape == (8, 5)
    assert plain.dtype == torch.float32
    plain.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.requires_grad)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(rounded.float(), plain, atol=0.03, rtol=0.1)
    assert torch.isfinite(model.bfloat16()(images.bfloat16())).all()


@pytest.mark.parametrize("member", BUILDABLE)
def test_survives_save_and_load(member: Member) -> None:
    model, other = build(small(member), (3, 16, 16), 5, 0).eval(), build(small(member), (3, 16, 16), 5, 1).eval()
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(images), model(images))


@pytest.mark.parametrize("member", BUILDABLE)
def test_initial_loss_is_what_the_task_implies(member: Member) -> None:
    model = build(small(member), (3, 8, 8), 10, 0)
    generator = torch.Generator().manual_seed(0)
    images, classes = torch.randn(128, 3, 8, 8, generator=generator), torch.randint(10, (128,), generator=generator)
    prepare(model, images)
    loss = nn.functional.cross_entropy(model(images), classes).item()
    assert loss == pytest.approx(2.302585, abs=0.1)
