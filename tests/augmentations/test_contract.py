"""What every augmentation owes."""

import inspect
import json
from typing import get_args

import numpy as np
import pytest
import torch

from trainwell.augmentations import Geometry, Mix, Plan, augmentations
from trainwell.data.augment import Augmenter
from trainwell.draws import Draws
from trainwell.family import Member

MEMBERS = [pytest.param(member, id=member.id) for member in augmentations]
ON_PIXELS = [pytest.param(member, id=member.id) for member in augmentations if not member.facts.get("mixes_labels")]
KINDS = {"Geometry": "geometry", "Colour": "colour", "Mask": "mask", "Mix": "mix"}
N, SIZE = 64, (12, 8)
CLASSES = 5


def draws(indices: np.ndarray | None = None, epoch: int = 0) -> Draws:
    chosen = np.arange(N) if indices is None else indices
    return Draws(0, np.full(len(chosen), epoch), chosen)


def plans(member: Member, indices: np.ndarray | None = None, epoch: int = 0) -> tuple[Plan, ...]:
    asked = member(draws(indices, epoch), SIZE)
    return asked if isinstance(asked, tuple) else (asked,)


def tensors(asked: tuple[Plan, ...]) -> list[torch.Tensor]:
    return [value for plan in asked for value in vars(plan).values() if value is not None]


def augmented(member: Member, indices: np.ndarray, channels: int = 3, epoch: int = 0) -> torch.Tensor:
    stored = np.random.default_rng(1).integers(0, 256, (N, *SIZE, channels), dtype=np.uint8)
    part = augmentations.part(member.id)
    augmenter = Augmenter([part], SIZE, fill=torch.full((channels,), 128.0), covariance=torch.eye(channels) * 900)
    augmenter.draw(draws(indices, epoch))
    return augmenter.pixels(torch.from_numpy(stored[indices]))


@pytest.mark.parametrize("member", MEMBERS)
def test_member_says_what_it_is_and_where_it_comes_from(member: Member) -> None:
    said = inspect.getdoc(member.make) or ""
    assert member.paper
    assert all(f"{name}: " in said for name in member.hyper)
    assert all(f"{section}:\n" in said for section in ("Args", "Returns", "Reference"))
    paragraphs = said.split("\n\n")
    for start in ("Definition:", "Reach for it", "Leave it", "Cost:"):
        assert sum(paragraph.startswith(start) for paragraph in paragraphs) == 1, start
    for name, span in member.tune.items():
        for value in span[:2]:
            assert augmentations.part(member.id, **{name: value}).args[name] == value


@pytest.mark.parametrize("member", MEMBERS)
def test_its_facts_are_what_it_does(member: Member) -> None:
    asked = plans(member)
    kinds = {KINDS[type(plan).__name__] for plan in asked}
    assert member.facts["kind"] == (kinds.pop() if len(kinds) == 1 else "policy")
    assert member.facts.get("mixes_labels", False) == any(isinstance(plan, Mix) for plan in asked)
    geometries = [plan for plan in asked if isinstance(plan, Geometry)]
    mirrors = "left_right" if any(plan.flip is not None for plan in geometries) else None
    mirrors = "up_down" if any(plan.vflip is not None for plan in geometries) else mirrors
    assert member.facts.get("mirrors") == mirrors
    # A matrix of negative determinant would mirror too, and nobody would be told.
    for plan in geometries:
        assert plan.matrix is None or bool((torch.linalg.det(plan.matrix[:, :2, :2]) > 0).all())
    assert member.facts.get("needs_classes", False) in (True, False)


@pytest.mark.parametrize("member", MEMBERS)
def test_it_asks_something_of_every_sample_and_the_same_in_every_run(member: Member) -> None:
    first, again = plans(member), plans(member)
    assert all(isinstance(plan, get_args(Plan)) for plan in first)
    assert tensors(first)
    for value, same in zip(tensors(first), tensors(again), strict=True):
        assert len(value) == N
        assert torch.equal(value, same)
    assert any(not torch.equal(a, b) for a, b in zip(tensors(first), tensors(plans(member, epoch=1)), strict=True))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("member", ON_PIXELS)
def test_what_happens_to_an_image_does_not_depend_on_the_rest_of_the_batch(member: Member, channels: int) -> None:
    whole = augmented(member, np.arange(N), channels)
    assert whole.shape == (N, *SIZE, channels)
    assert whole.dtype in (torch.uint8, torch.float32)
    assert float(whole.min()) >= 0
    assert float(whole.max()) <= 255
    for some in ([5, 60, 17], [3], [59]):
        assert torch.equal(augmented(member, np.array(some), channels), whole[some])


@pytest.mark.parametrize("member", ON_PIXELS)
def test_it_changes_images_and_differently_in_each_epoch(member: Member) -> None:
    stored = np.random.default_rng(1).integers(0, 256, (N, *SIZE, 3), dtype=np.uint8)
    first, second = (augmented(member, np.arange(N), epoch=epoch).float() for epoch in range(2))
    assert not torch.equal(first, torch.from_numpy(stored).float())
    assert not torch.equal(first, second)
    assert torch.equal(augmented(member, np.arange(N)).float(), first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("member", MEMBERS)
def test_what_it_gives_can_be_trained_on(member: Member, dtype: torch.dtype) -> None:
    """Forward and backward of a linear network behind the augmentation."""
    augmenter = Augmenter([augmentations.part(member.id)], SIZE, covariance=torch.eye(3))
    augmenter.draw(draws())
    stored = torch.randint(0, 256, (N, *SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x = (augmenter.pixels(stored).float() / 255 - 0.5).permute(0, 3, 1, 2)
    x, target = augmenter.mix(x.to(dtype), torch.arange(N) % CLASSES, CLASSES)
    assert x.dtype == dtype
    weight = torch.zeros(CLASSES, x[0].numel(), dtype=dtype, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(x.flatten(1), weight), target)
    loss.backward()
    assert weight.grad is not None
    assert bool(weight.grad.isfinite().all())
    assert float(weight.grad.abs().sum()) > 0
    if member.facts.get("mixes_labels"):
        assert torch.allclose(target.sum(1), torch.ones(N))


@pytest.mark.parametrize("member", MEMBERS)
def test_it_is_saved_and_loaded_as_a_part_of_a_recipe(member: Member) -> None:
    part = augmentations.resolve(member.id)
    loaded = augmentations.part(json.loads(json.dumps(part.json())))
    assert loaded == part
    asked, again = (augmentations.build(one, draws(), SIZE) for one in (part, loaded))
    as_tuples = (one if isinstance(one, tuple) else (one,) for one in (asked, again))
    for value, same in zip(*(tensors(plan) for plan in as_tuples), strict=True):
        assert torch.equal(value, same)
