"""The augmentation engine against images moved one by one."""

from typing import Any

import numpy as np
import pytest
import torch

from trainwell.augmentations import augmentations
from trainwell.data.augment import Augmenter
from trainwell.draws import Draws
from trainwell.errors import BadValue

N, SIZE = 24, (9, 6)


def draws(seed: int = 0) -> Draws:
    return Draws(seed, np.full(N, 3), np.arange(N))


def augmenter(*parts: Any, size: tuple[int, int] | None = SIZE) -> Augmenter:
    return Augmenter([augmentations.part(part) for part in parts], size)


def images(kind: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (N, *SIZE, 3)).astype(kind)


def cropped(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Pad by reflection, then cut the moved window out."""
    height, width, _ = image.shape
    rows, columns = height // 2, width // 2
    padded = np.pad(image, ((rows, rows), (columns, columns), (0, 0)), mode="reflect")
    return padded[rows + shift[0] : rows + shift[0] + height, columns + shift[1] : columns + shift[1] + width]


def by_hand(parts: list[Any], x: np.ndarray) -> np.ndarray:
    """The drawn flips and shifts, one image and one part after the other."""
    out = x.copy()
    for place, part in enumerate(parts):
        checked = augmentations.part(part)
        asked = augmentations.bind(checked)(draws().of(checked.name, place), SIZE)
        for i in range(len(out)):
            if asked.flip is not None and asked.flip[i]:
                out[i] = out[i][:, ::-1]
            if asked.shift is not None:
                out[i] = cropped(out[i], asked.shift[i].numpy())
    return out


CROP = {"name": "crop", "padding": 0.5}


@pytest.mark.parametrize("parts", [["flip"], [CROP], ["flip", CROP], [CROP, "flip"], [CROP, "flip", "crop", "crop"]])
def test_one_gather_equals_moving_image_by_image(parts: list[Any]) -> None:
    x = images()
    engine = augmenter(*parts)
    engine.draw(draws())
    moved = engine.move(torch.from_numpy(x))
    assert moved.dtype == torch.uint8
    expected = by_hand(parts, x)
    assert not np.array_equal(expected, x)
    assert np.array_equal(moved.numpy(), expected)
    floating = engine.move(torch.from_numpy(x.astype(np.float32)))
    assert np.array_equal(floating.numpy(), expected.astype(np.float32))


def test_a_part_named_twice_draws_for_each_place() -> None:
    engine = augmenter(CROP, CROP)
    engine.draw(draws())
    first, second = (geometry.shift for geometry in engine._geometry)
    assert first is not None
    assert second is not None
    assert not torch.equal(first, second)


def test_a_side_of_one_pixel_stays() -> None:
    engine = Augmenter([augmentations.part(CROP)], (1, 4))
    engine.draw(draws())
    x = torch.arange(4.0).view(1, 1, 4, 1).expand(N, 1, 4, 1)
    moved = engine.move(x)
    assert set(moved.flatten().tolist()) == {0.0, 1.0, 2.0, 3.0}


def test_nothing_to_move_is_the_batch_itself() -> None:
    x = torch.from_numpy(images())
    engine = augmenter("mixup", "cutout")
    engine.draw(draws())
    assert engine.move(x) is x


def test_cutout_blanks_its_box_and_no_more() -> None:
    x = torch.ones(N, *SIZE, 2)
    engine = augmenter({"name": "cutout", "length": 0.5})
    engine.draw(draws())
    asked = augmentations.build({"name": "cutout", "length": 0.5}, draws().of("cutout", 0), SIZE).box
    blanked = engine.blank(x)
    assert blanked is x
    expected = np.ones((N, *SIZE, 2))
    for i, (top, left, bottom, right) in enumerate(asked.tolist()):
        expected[i, max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 0
    assert np.array_equal(blanked.numpy(), expected)
    assert 0 < float((blanked == 0).float().mean()) < 9 / (9 * 6) + 1e-6  # 3 x 3 pixels of 9 x 6 at the most


def test_mixup_blends_samples_and_targets_alike() -> None:
    engine = augmenter({"name": "mixup", "alpha": 0.5}, size=None)
    engine.draw(draws())
    asked = augmentations.build({"name": "mixup", "alpha": 0.5}, draws().of("mixup", 0), (1, 1))
    x, y = torch.rand(N, 5, generator=torch.Generator().manual_seed(0)), torch.arange(N) % 3
    blended, target = engine.mix(x, y, 3)
    assert target.dtype == torch.float32
    assert torch.allclose(target.sum(1), torch.ones(N))
    for i in range(N):
        share, partner = float(asked.share[i]), int(asked.partner[i])
        assert torch.allclose(blended[i], share * x[i] + (1 - share) * x[partner], atol=1e-6)
        expected = torch.zeros(3)
        expected[y[i]] += share
        expected[y[partner]] += 1 - share
        assert torch.allclose(target[i], expected, atol=1e-6)


def test_mixup_blends_values_to_predict_too() -> None:
    engine = augmenter("mixup", size=None)
    engine.draw(draws())
    values = torch.arange(float(N)).view(N, 1)
    blended, target = engine.mix(values.clone(), values, None)
    assert target.shape == (N, 1)
    assert torch.equal(blended, target)
    assert not torch.equal(blended, values)


def test_mixup_of_alpha_0_and_no_mix_leave_the_samples() -> None:
    x, y = torch.rand(N, 5), torch.arange(N) % 3
    engine = augmenter({"name": "mixup", "alpha": 0}, size=None)
    engine.draw(draws())
    blended, target = engine.mix(x, y, 3)
    assert torch.equal(blended, x)
    assert torch.equal(target, torch.nn.functional.one_hot(y, 3).float())
    without = augmenter("flip")
    without.draw(draws())
    assert without.mix(x, y, 3) == (x, y)


def test_a_table_is_only_mixed() -> None:
    with pytest.raises(BadValue) as caught:
        augmenter("flip", "mixup", "cutout", size=None)
    assert str(caught.value) == "augment=flip,cutout works on stored images, and this data has none. Leave it out."
