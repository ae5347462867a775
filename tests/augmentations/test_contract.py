"""What every augmentation owes."""

import inspect

import numpy as np
import pytest
import torch

from trainwell.augmentations import Geometry, Mask, Mix, augmentations
from trainwell.draws import Draws
from trainwell.family import Member

MEMBERS = [pytest.param(member, id=member.id) for member in augmentations]
ON_PIXELS = [pytest.param(member, id=member.id) for member in augmentations if not member.facts.get("mixes_labels")]
N, SIZE = 64, (12, 8)


def draws(indices: np.ndarray | None = None, epoch: int = 0) -> Draws:
    chosen = np.arange(N) if indices is None else indices
    return Draws(0, np.full(len(chosen), epoch), chosen)


def tensors(asked: Geometry | Mask | Mix) -> list[torch.Tensor]:
    return [value for value in vars(asked).values() if value is not None]


@pytest.mark.parametrize("member", MEMBERS)
def test_member_says_what_it_is_and_where_it_comes_from(member: Member) -> None:
    assert member.paper
    assert "Reference:" in (inspect.getdoc(member.make) or "")
    assert all(f"{name}: " in (inspect.getdoc(member.make) or "") for name in member.hyper)
    for name, span in member.tune.items():
        for value in span[:2]:
            assert augmentations.part(member.id, **{name: value}).args[name] == value


@pytest.mark.parametrize("member", MEMBERS)
def test_it_asks_something_of_every_sample_and_the_same_in_every_run(member: Member) -> None:
    first, again = (member(draws(), SIZE) for _ in range(2))
    assert isinstance(first, Geometry | Mask | Mix)
    assert isinstance(first, Mix) == bool(member.facts.get("mixes_labels"))
    assert tensors(first)
    for value, same in zip(tensors(first), tensors(again), strict=True):
        assert len(value) == N
        assert torch.equal(value, same)
    assert any(
        not torch.equal(a, b) for a, b in zip(tensors(first), tensors(member(draws(epoch=1), SIZE)), strict=True)
    )


@pytest.mark.parametrize("member", ON_PIXELS)
def test_what_happens_to_an_image_does_not_depend_on_the_rest_of_the_batch(member: Member) -> None:
    some = np.array([5, 60, 17])
    for whole, part in zip(tensors(member(draws(), SIZE)), tensors(member(draws(some), SIZE)), strict=True):
        assert torch.equal(whole[some], part)
