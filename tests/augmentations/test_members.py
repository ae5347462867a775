"""Each augmentation by itself."""

import numpy as np
import pytest
import torch

from trainwell.augmentations.crop import crop
from trainwell.augmentations.flip import flip
from trainwell.draws import Draws
from trainwell.errors import BadValue

N = 4000
SIZE = (32, 16)


def draws(epoch: int = 0) -> Draws:
    return Draws(0, np.full(N, epoch), np.arange(N))


def test_two_epochs_show_both_sides_of_every_image() -> None:
    first, second, third = (flip(draws(epoch), SIZE).flip for epoch in range(3))
    assert first is not None
    assert second is not None
    assert torch.equal(second, ~first)
    assert third is not None
    assert torch.equal(third, first)
    assert 0.46 < float(first.float().mean()) < 0.54


def test_flips_by_chance_are_drawn_afresh_with_their_probability() -> None:
    first, second = (flip(draws(epoch), SIZE, alternate=False).flip for epoch in range(2))
    assert first is not None
    assert second is not None
    assert 0.45 < float((first == second).float().mean()) < 0.55
    rare = flip(draws(), SIZE, p=0.1).flip
    assert rare is not None
    assert 0.08 < float(rare.float().mean()) < 0.12
    for p in (0.0, 1.0):
        found = flip(draws(), SIZE, p=p).flip
        assert found is not None
        assert found.tolist() == [p == 1.0] * N
    with pytest.raises(BadValue, match=r"flip\.p=1\.5 is not possible: expected a value in \[0, 1\]"):
        flip(draws(), SIZE, p=1.5)


def test_a_crop_moves_by_up_to_its_share_of_each_side() -> None:
    shift = crop(draws(), SIZE, padding=0.125).shift
    assert shift is not None
    assert shift.shape == (N, 2)
    assert shift.amin(0).tolist() == [-4, -2]
    assert shift.amax(0).tolist() == [4, 2]
    assert len(shift.unique(dim=0)) == 9 * 5
    smallest = crop(draws(), SIZE, padding=0.001).shift
    assert smallest is not None
    assert smallest.abs().amax(0).tolist() == [1, 1]
    with pytest.raises(BadValue, match=r"crop\.padding=0 is not possible: expected a value in \(0, 0\.5\]"):
        crop(draws(), SIZE, padding=0)
