"""Masks and mixes: cutout, mixup, cutmix."""

import numpy as np
import pytest
import torch
from scipy import stats

from trainwell.augmentations import augmentations
from trainwell.augmentations.cutmix import cutmix
from trainwell.augmentations.cutout import cutout
from trainwell.augmentations.mixup import mixup
from trainwell.data.augment import Augmenter
from trainwell.draws import Draws
from trainwell.errors import BadValue

N = 4000
SIZE = (32, 16)


def draws(epoch: int = 0) -> Draws:
    return Draws(0, np.full(N, epoch), np.arange(N))


def test_a_cutout_is_a_square_around_any_pixel() -> None:
    box = cutout(draws(), SIZE, length=0.25).box
    assert box.shape == (N, 4)
    assert (box[:, 2] - box[:, 0]).tolist() == [4] * N  # a quarter of the shorter side
    assert (box[:, 3] - box[:, 1]).tolist() == [4] * N
    assert (int(box[:, 0].min()), int(box[:, 0].max())) == (-2, 29)
    assert (int(box[:, 1].min()), int(box[:, 1].max())) == (-2, 13)
    whole = cutout(draws(), (1, 1), length=1.0).box
    assert whole.unique(dim=0).tolist() == [[0, 0, 1, 1]]
    with pytest.raises(BadValue, match=r"cutout\.length=0 is not possible"):
        cutout(draws(), SIZE, length=0)


def test_mixup_pairs_the_batch_and_draws_shares_from_beta() -> None:
    mix = mixup(draws(), SIZE, alpha=0.2)
    assert mix.partner.sort().values.tolist() == list(range(N))
    # Beta(a, a) has variance 1 / (4 (2 a + 1)): 0.1786 for 0.2.
    assert float(mix.share.var()) == pytest.approx(1 / (4 * 1.4), rel=0.05)
    assert float(mix.share.mean()) == pytest.approx(0.5, abs=0.03)
    assert stats.kstest(mix.share.double().clamp(1e-9, 1 - 1e-9), stats.beta(0.2, 0.2).cdf).pvalue > 1e-3
    assert mixup(draws(), SIZE, alpha=0).share.tolist() == [1.0] * N
    with pytest.raises(BadValue, match=r"mixup\.alpha=-1 is not possible"):
        mixup(draws(), SIZE, alpha=-1)


def test_cutmix_shares_the_target_by_the_area_that_was_cut() -> None:
    mix = cutmix(draws(), SIZE)
    assert mix.box is not None
    top, left, bottom, right = mix.box.unbind(1)
    assert bool(((top >= 0) & (top <= bottom) & (bottom <= 32)).all())
    assert bool(((left >= 0) & (left <= right) & (right <= 16)).all())
    assert torch.allclose(mix.share, 1 - (bottom - top) * (right - left) / (32 * 16))
    assert mix.partner.sort().values.tolist() == list(range(N))
    # A box of height r H and width r W around a uniform pixel keeps r (1 - r / 4) of each side on average, and
    # r = sqrt(1 - l), l uniform, has the density 2 r: the area is the integral of 2 r^3 (1 - r / 4)^2 = 77/240.
    assert float(1 - mix.share.mean()) == pytest.approx(77 / 240, abs=0.03)
    assert float(mix.share.min()) < 0.1
    assert float(mix.share.max()) > 0.98


def test_a_pasted_rectangle_comes_from_the_partner_at_the_same_place() -> None:
    augmenter = Augmenter([augmentations.part("cutmix")], SIZE)
    augmenter.draw(draws())
    x = torch.arange(N).float()[:, None, None, None].expand(N, 1, *SIZE)
    mixed, target = augmenter.mix(x, torch.arange(N) % 7, 7)
    mix = cutmix(draws().of("cutmix", 0), SIZE)
    assert mix.box is not None
    for image in range(0, N, 400):
        top, left, bottom, right = mix.box[image].tolist()
        expected = np.full(SIZE, image)
        expected[top:bottom, left:right] = int(mix.partner[image])
        assert np.array_equal(mixed[image, 0].numpy(), expected)
        share = float((mixed[image] == image).float().mean())
        assert target[image].sum() == pytest.approx(1)
        if int(mix.partner[image]) % 7 != image % 7:
            assert float(target[image, image % 7]) == pytest.approx(share)


def test_cutmix_can_be_switched_off_and_refuses_what_is_no_shape() -> None:
    mix = cutmix(draws(), SIZE, alpha=0)
    assert mix.box is not None
    assert mix.share.tolist() == [1.0] * N
    assert bool((mix.box[:, 0] == mix.box[:, 2]).all())
    with pytest.raises(BadValue, match=r"cutmix\.alpha=-0\.1 is not possible"):
        cutmix(draws(), SIZE, alpha=-0.1)
    assert cutmix(Draws(0, np.zeros(1), np.zeros(1)), (1, 1)).partner.tolist() == [0]
