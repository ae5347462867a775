"""The augmentation engine against images moved one by one."""

from typing import Any

import numpy as np
import pytest
import torch

from trainwell.augmentations import augmentations
from trainwell.data.augment import Augmenter
from trainwell.data.colour import apply_colour
from trainwell.data.geometry import moved
from trainwell.draws import Draws
from trainwell.errors import BadValue

N, SIZE = 24, (9, 6)


def draws(seed: int = 0) -> Draws:
    return Draws(seed, np.full(N, 3), np.arange(N))


def augmenter(*parts: Any, size: tuple[int, int] | None = SIZE, **options: Any) -> Augmenter:
    return Augmenter([augmentations.part(part) for part in parts], size, **options)


def images(size: tuple[int, int] = SIZE, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (N, *size, channels), dtype=np.uint8)


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
        asked = augmentations.bind(checked)(draws().of(checked.name, place), x.shape[1:3])
        for i in range(len(out)):
            if asked.flip is not None and asked.flip[i]:
                out[i] = out[i][:, ::-1]
            if asked.vflip is not None and asked.vflip[i]:
                out[i] = out[i][::-1]
            if asked.shift is not None:
                out[i] = cropped(out[i], asked.shift[i].numpy())
    return out


CROP = {"name": "crop", "padding": 0.5}


@pytest.mark.parametrize("size", [SIZE, (50, 61)], ids=["one gather", "slices"])
@pytest.mark.parametrize(
    "parts", [["flip"], [CROP], ["flip", CROP], [CROP, "flip"], [CROP, "flip", "vflip", "crop", "crop"]]
)
def test_flips_and_shifts_equal_moving_image_by_image(parts: list[Any], size: tuple[int, int]) -> None:
    x = images(size)
    engine = augmenter(*parts, size=size)
    engine.draw(draws())
    moved = engine.pixels(torch.from_numpy(x))
    assert moved.dtype == torch.uint8
    expected = by_hand(parts, x)
    assert not np.array_equal(expected, x)
    assert np.array_equal(moved.numpy(), expected)


@pytest.mark.parametrize("size", [SIZE, (50, 61)], ids=["small", "large"])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_does_not_depend_on_the_rest_of_its_batch(size: tuple[int, int], channels: int) -> None:
    """Bit for bit, through every path, with some images that need an expensive one and some that do not."""
    parts = ["flip", "vflip", "crop", "resized_crop", "rotate", "perspective", "lens_distortion"]
    x = torch.from_numpy(images(size, channels))
    for chosen in ([part] for part in parts), [["crop", "flip"], ["flip", "resized_crop"], parts]:
        for some_parts in chosen:
            engine = augmenter(*some_parts, "cutout", size=size)
            engine.draw(draws())
            whole = engine.pixels(x)
            for some in ([3], [20, 1, 7], [0, 1, 2, 3]):
                engine.draw(Draws(0, np.full(len(some), 3), np.array(some)))
                assert torch.equal(engine.pixels(x[some]), whole[some]), some_parts


def test_colour_follows_geometry_and_masks_come_last() -> None:
    x = torch.from_numpy(images())
    cutout, jitter = {"name": "cutout", "length": 0.5}, {"name": "color_jitter", "brightness": 0.9}
    engine = augmenter(cutout, jitter, CROP, fill=torch.tensor([10.0, 20.0, 30.0]))
    engine.draw(draws())
    out = engine.pixels(x).float()
    by_itself = augmenter({"name": "cutout", "length": 0.5})
    by_itself.draw(draws())
    blank = by_itself.pixels(torch.ones_like(x))[..., 0] == 0
    assert 0 < int(blank.sum()) < blank.numel()
    assert out[blank].unique(dim=0).tolist() == [[10, 20, 30]]  # not brightened, not shifted
    steps = []
    for place, part in ((1, jitter), (2, CROP)):
        plan = augmentations.build(part, draws().of(part["name"], place), SIZE)
        steps.append(plan)
    expected = apply_colour(moved(x, [steps[1]]), [steps[0]]).float()
    assert torch.equal(out[~blank], expected[~blank])


def test_masks_blank_with_whole_values_in_bytes() -> None:
    engine = augmenter({"name": "cutout", "length": 1.0}, fill=torch.tensor([10.4, 20.6, 255.0]))
    engine.draw(draws())
    out = engine.pixels(torch.zeros(N, *SIZE, 3, dtype=torch.uint8))
    assert out.dtype == torch.uint8
    assert set(map(tuple, out.flatten(0, 2).tolist())) == {(0, 0, 0), (10, 21, 255)}


def test_images_that_are_not_bytes_are_refused() -> None:
    engine = augmenter("flip")
    engine.draw(draws())
    with pytest.raises(BadValue, match=r"stored images of uint8, got torch\.float32\. Store them as 0\.\.255"):
        engine.pixels(torch.zeros(N, *SIZE, 3))


def test_a_part_named_twice_draws_for_each_place() -> None:
    engine = augmenter(CROP, CROP)
    engine.draw(draws())
    first, second = (geometry.shift for geometry in engine._geometries)
    assert first is not None
    assert second is not None
    assert not torch.equal(first, second)


def test_a_side_of_one_pixel_stays() -> None:
    engine = Augmenter([augmentations.part(CROP)], (1, 4))
    engine.draw(draws())
    x = torch.arange(4, dtype=torch.uint8).view(1, 1, 4, 1).expand(N, 1, 4, 1)
    assert set(engine.pixels(x).flatten().tolist()) == {0, 1, 2, 3}


def test_nothing_to_do_is_the_batch_itself() -> None:
    x = torch.from_numpy(images())
    engine = augmenter("mixup")
    engine.draw(draws())
    assert engine.pixels(x) is x


def test_cutout_blanks_its_box_and_no_more() -> None:
    x = torch.ones(N, *SIZE, 2, dtype=torch.uint8)
    engine = augmenter({"name": "cutout", "length": 0.5})
    engine.draw(draws())
    asked = augmentations.build({"name": "cutout", "length": 0.5}, draws().of("cutout", 0), SIZE).box
    blanked = engine.pixels(x)
    assert bool((x == 1).all())  # what is stored is left as it was
    expected = np.ones((N, *SIZE, 2))
    for i, (top, left, bottom, right) in enumerate(asked.tolist()):
        expected[i, max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 0
    assert np.array_equal(blanked.numpy(), expected)
    assert 0 < float((blanked == 0).float().mean()) < 9 / (9 * 6) + 1e-6  # 3 x 3 pixels of 9 x 6 at the most


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_cutmix_pastes_the_partners_rectangle(dtype: torch.dtype, layout: torch.memory_format) -> None:
    engine = augmenter("cutmix")
    engine.draw(draws())
    asked = augmentations.build("cutmix", draws().of("cutmix", 0), SIZE)
    x = torch.rand(N, 3, *SIZE, generator=torch.Generator().manual_seed(0)).to(dtype).contiguous(memory_format=layout)
    before = x.clone()
    mixed, target = engine.mix(x, torch.arange(N), N)
    assert torch.equal(x, before)
    changed = 0
    for i in range(N):
        top, left, bottom, right = asked.box[i].tolist()
        expected = x[i].clone()
        expected[:, top:bottom, left:right] = x[int(asked.partner[i]), :, top:bottom, left:right]
        assert torch.equal(mixed[i], expected)
        changed += int(not torch.equal(expected, x[i]))
        if int(asked.partner[i]) != i:
            assert float(target[i, i]) == pytest.approx(float(asked.share[i]), abs=1e-6)
            assert float(target[i, asked.partner[i]]) == pytest.approx(1 - float(asked.share[i]), abs=1e-6)
    assert changed > N // 2


def test_rectangles_are_not_pasted_into_rows() -> None:
    engine = augmenter("cutmix")
    engine.draw(draws())
    with pytest.raises(BadValue, match=r"\(N, C, H, W\), and these samples are \(24, 5\)\. Leave cutmix out"):
        engine.mix(torch.rand(N, 5), torch.arange(N), N)


def test_images_stay_channels_last_when_they_are_mixed() -> None:
    x = torch.rand(N, 3, *SIZE).contiguous(memory_format=torch.channels_last)
    for name in ("mixup", "cutmix"):
        engine = augmenter(name)
        engine.draw(draws())
        mixed, _ = engine.mix(x, torch.arange(N), N)
        assert mixed.is_contiguous(memory_format=torch.channels_last)


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
        augmenter("flip", "mixup", "cutout", "cutmix", size=None)
    assert (
        str(caught.value) == "augment=flip,cutout,cutmix works on stored images, and this data has none. Leave it out."
    )
