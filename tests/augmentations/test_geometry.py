"""The geometric augmentations: what they draw, against closed forms and draws made one by one."""

import math

import numpy as np
import pytest
import torch

from trainwell.augmentations import Geometry
from trainwell.augmentations.affine import affine
from trainwell.augmentations.crop import crop
from trainwell.augmentations.lens_distortion import lens_distortion
from trainwell.augmentations.perspective import perspective
from trainwell.augmentations.resized_crop import resized_crop
from trainwell.augmentations.rotate import rotate
from trainwell.augmentations.scale_jitter import scale_jitter
from trainwell.augmentations.vflip import vflip
from trainwell.data.geometry import moved
from trainwell.draws import Draws
from trainwell.errors import BadValue

N = 4000
SIZE = (48, 64)


def draws(epoch: int = 0, num: int = N) -> Draws:
    return Draws(0, np.full(num, epoch), np.arange(num))


def window(asked: Geometry) -> np.ndarray:
    """top, left, height, width; whole, and inside the image."""
    assert asked.window is not None
    found = asked.window.numpy().astype(float)
    assert np.array_equal(found, found.round())
    return found


def matrix(asked: Geometry) -> np.ndarray:
    assert asked.matrix is not None
    return asked.matrix.numpy().astype(float)


def unchanged(asked: Geometry, size: tuple[int, int] = SIZE) -> bool:
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (N, *size, 1), dtype=np.uint8))
    return torch.equal(moved(x, [asked]), x)


def test_vertical_flips_come_with_their_probability_afresh_in_each_epoch() -> None:
    first, second = (vflip(draws(epoch), SIZE).vflip for epoch in range(2))
    assert first is not None
    assert second is not None
    assert 0.46 < float(first.float().mean()) < 0.54
    assert 0.45 < float((first == second).float().mean()) < 0.55
    for p in (0.0, 1.0):
        found = vflip(draws(), SIZE, p=p)
        assert found.flip is None
        assert found.vflip is not None
        assert found.vflip.tolist() == [p == 1.0] * N
    with pytest.raises(BadValue, match=r"vflip\.p=-1 is not possible: expected a value in \[0, 1\]"):
        vflip(draws(), SIZE, p=-1)


def one_by_one(size: tuple[int, int], min_area: float, max_ratio: float, generator: np.random.Generator) -> list[float]:
    """A window as the usual implementations draw it."""
    height, width = size
    for _ in range(10):
        area = generator.uniform(min_area, 1) * height * width
        ratio = math.exp(generator.uniform(-math.log(max_ratio), math.log(max_ratio)))
        rows, columns = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
        if rows <= height and columns <= width:
            places = (generator.integers(0, room, endpoint=True) for room in (height - rows, width - columns))
            return [*places, rows, columns]
    return [0, 0, height, width]


@pytest.mark.parametrize(("min_area", "max_ratio"), [(0.08, 4 / 3), (0.5, 2.0)])
def test_resized_crops_are_distributed_as_those_drawn_one_by_one(min_area: float, max_ratio: float) -> None:
    found = window(resized_crop(draws(), SIZE, min_area=min_area, max_ratio=max_ratio))
    generator = np.random.default_rng(0)
    expected = np.array([one_by_one(SIZE, min_area, max_ratio, generator) for _ in range(N)])
    assert (found[:, :2] >= 0).all()
    assert (found[:, :2] + found[:, 2:] <= SIZE).all()
    for mine, theirs in (
        (found[:, 2] * found[:, 3], expected[:, 2] * expected[:, 3]),
        (np.log(found[:, 3] / found[:, 2]), np.log(expected[:, 3] / expected[:, 2])),
        (found[:, 0], expected[:, 0]),
        (found[:, 1], expected[:, 1]),
    ):
        spread = theirs.std()
        assert abs(mine.mean() - theirs.mean()) < 5 * spread * math.sqrt(2 / N)
        assert abs(mine.std() - spread) < 0.08 * spread
    area, ratio = found[:, 2] * found[:, 3] / (SIZE[0] * SIZE[1]), found[:, 3] / found[:, 2]
    assert area.min() > min_area - 0.02
    assert ratio.max() < max_ratio * 1.06  # sides are rounded to whole pixels
    assert ratio.min() > 1 / max_ratio / 1.06


def test_a_resized_crop_that_cannot_fit_is_the_largest_in_the_middle() -> None:
    wide = window(resized_crop(draws(), (30, 100), min_area=1.0))
    assert np.unique(wide, axis=0).tolist() == [[0, 30, 30, 40]]
    tall = window(resized_crop(draws(), (100, 31), min_area=1.0))
    assert np.unique(tall, axis=0).tolist() == [[29, 0, 41, 31]]
    assert unchanged(resized_crop(draws(), (48, 48), min_area=1.0, max_ratio=1.0), (48, 48))
    assert np.unique(window(resized_crop(draws(), (1, 1))), axis=0).tolist() == [[0, 0, 1, 1]]
    with pytest.raises(BadValue, match=r"resized_crop\.min_area=0 is not possible: expected a value in \(0, 1\]"):
        resized_crop(draws(), SIZE, min_area=0)
    with pytest.raises(BadValue, match=r"resized_crop\.max_ratio=0\.5 is not possible: expected a value in \[1, inf\)"):
        resized_crop(draws(), SIZE, max_ratio=0.5)


def test_scale_jitter_is_the_crop_of_224_out_of_256_to_480() -> None:
    size = (224, 224)
    found = window(scale_jitter(draws(), size))
    assert (found[:, 2] == found[:, 3]).all()
    short = 224 * 224 / found[:, 2]  # the shorter side, if the window were 224
    assert 255 < short.min() < 258
    assert 474 < short.max() < 482
    assert abs(short.mean() - (256 + 480) / 2) < 5 * (480 - 256) / math.sqrt(12 * N)
    assert abs(short.std() - (480 - 256) / math.sqrt(12)) < 2
    assert (found[:, :2] >= 0).all()
    assert (found[:, :2] + found[:, 2:] <= 224).all()
    place = found[:, :2] / (224 - found[:, 2:])
    assert np.abs(place.mean(0) - 0.5).max() < 0.03
    assert place.max() > 0.99


def test_scale_jitter_keeps_shapes_and_refuses_a_range_upside_down() -> None:
    found = window(scale_jitter(draws(), (40, 80), min_share=0.5, max_share=0.75))
    assert np.abs(found[:, 3] / found[:, 2] - 2).max() < 0.06
    assert (found[:, 2].min(), found[:, 2].max()) == (20, 30)
    assert unchanged(scale_jitter(draws(), SIZE, min_share=1.0, max_share=1.0))
    with pytest.raises(BadValue, match=r"scale_jitter\.min_share=0\.9 is above max_share=0\.5\. Expected the smaller"):
        scale_jitter(draws(), SIZE, min_share=0.9, max_share=0.5)
    with pytest.raises(BadValue, match=r"scale_jitter\.max_share=1\.5 is not possible"):
        scale_jitter(draws(), SIZE, max_share=1.5)


def test_rotations_are_uniform_up_to_their_angle() -> None:
    found = matrix(rotate(draws(), SIZE, degrees=30.0))
    angle = np.degrees(np.arctan2(found[:, 1, 0], found[:, 0, 0]))
    assert np.abs(found @ found.transpose(0, 2, 1) - np.eye(3)).max() < 1e-6
    assert np.allclose(np.linalg.det(found), 1, atol=1e-6)
    assert -30 <= angle.min() < -29.9
    assert 29.9 < angle.max() <= 30
    assert abs(angle.mean()) < 5 * 60 / math.sqrt(12 * N)
    assert abs(angle.std() - 60 / math.sqrt(12)) < 0.5
    assert unchanged(rotate(draws(), SIZE, degrees=0.0))
    with pytest.raises(BadValue, match=r"rotate\.degrees=181 is not possible: expected a value in \[0, 180\]"):
        rotate(draws(), SIZE, degrees=181)


def test_a_positive_angle_turns_counter_clockwise() -> None:
    x = torch.zeros(N, 33, 33, 1, dtype=torch.uint8)
    x[:, 16, 28] = 255  # to the right of the centre
    asked = rotate(draws(), (33, 33), degrees=90.0)
    angle = np.degrees(np.arctan2(matrix(asked)[:, 1, 0], matrix(asked)[:, 0, 0]))
    out = moved(x, [asked])[..., 0].flatten(1).argmax(1).numpy()
    row, column = out // 33, out % 33
    seen = np.degrees(np.arctan2(16 - row, column - 16))  # up is positive
    assert np.abs(seen - angle).max() < 5  # a pixel at 12 pixels from the centre


def test_affine_maps_are_composed_of_their_parts() -> None:
    found = np.linalg.inv(matrix(affine(draws(), SIZE, degrees=20, translate=0.2, scale=0.3, shear=15)))
    unit = min(SIZE) / 2
    assert np.allclose(found[:, 2], (0, 0, 1))
    right, down = found[:, 0, 2] * unit / SIZE[1], found[:, 1, 2] * unit / SIZE[0]
    for move in (right, down):
        assert abs(np.abs(move).max() - 0.2) < 0.002
        assert abs(move.std() - 0.4 / math.sqrt(12)) < 0.005
    linear = found[:, :2, :2]
    factor = np.sqrt(np.linalg.det(linear))  # a shear keeps areas
    assert abs(factor.max() - 1.3) < 0.002
    assert abs(factor.min() - 1 / 1.3) < 0.002
    assert abs(np.log(factor).mean()) < 0.02
    # The x axis is not sheared: it shows the rotation, and what is left of the y axis the shear.
    angle = np.arctan2(-linear[:, 1, 0], linear[:, 0, 0])
    assert abs(np.degrees(np.abs(angle).max()) - 20) < 0.1
    back = np.stack([np.stack((np.cos(angle), -np.sin(angle)), 1), np.stack((np.sin(angle), np.cos(angle)), 1)], 1)
    sheared = back @ linear / factor[:, None, None]
    assert np.allclose(sheared[:, :, 0], (1, 0), atol=1e-5)
    assert np.allclose(sheared[:, 1, 1], 1, atol=1e-5)
    assert abs(np.degrees(np.arctan(np.abs(sheared[:, 0, 1]).max())) - 15) < 0.1


def test_an_affine_translation_is_the_shift_and_nothing_is_the_identity() -> None:
    size = (20, 30)
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (N, *size, 1), dtype=np.uint8))
    asked = affine(draws(), size, degrees=0, translate=0.5, scale=0, shear=0)
    places = matrix(asked)[:, :2, 2] * 10  # pixels, x first
    whole = torch.from_numpy(places.round()[:, ::-1].copy()).long()
    assert whole.abs().amax(0).tolist() == [10, 15]
    assert asked.matrix is not None
    asked.matrix[:, :2, 2] = whole.flip(1) / 10
    assert torch.equal(moved(x, [asked]), moved(x, [Geometry(shift=whole)]))
    assert unchanged(affine(draws(), SIZE, degrees=0, translate=0, scale=0, shear=0))
    with pytest.raises(BadValue, match=r"affine\.shear=50 is not possible: expected a value in \[0, 45\]"):
        affine(draws(), SIZE, shear=50)
    with pytest.raises(BadValue, match=r"affine\.translate=2 is not possible: expected a value in \[0, 1\]"):
        affine(draws(), SIZE, translate=2)
    with pytest.raises(BadValue, match=r"affine\.scale=-1 is not possible: expected a value in \[0, 1\]"):
        affine(draws(), SIZE, scale=-1)


def solved(corners: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The projective map through four pairs of places, from its eight linear equations."""
    rows, right = [], []
    for (x, y), (u, v) in zip(corners, places, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(right)), 1).reshape(3, 3)


def test_a_perspective_brings_each_corner_where_it_was_drawn() -> None:
    found = matrix(perspective(draws(), SIZE, distortion=0.5))
    half = np.array([SIZE[1], SIZE[0]]) / min(SIZE)  # x, y of the lower right corner
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    homogeneous = np.concatenate((corners, np.ones((4, 1))), axis=1) @ found.transpose(0, 2, 1)
    places = homogeneous[..., :2] / homogeneous[..., 2:]
    inwards = 1 - places * np.sign(corners) / half  # shares of half the side
    assert inwards.min() > -1e-5
    assert inwards.max() < 0.5 + 1e-5
    assert np.abs(inwards.mean(0) - 0.25).max() < 0.02
    drawn = inwards.reshape(N, 8)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(8)).max() < 0.08  # of their own, all eight
    for i in range(50):
        assert np.allclose(found[i], solved(corners, places[i]), atol=1e-5)
    assert unchanged(perspective(draws(), SIZE, distortion=0.0))
    with pytest.raises(BadValue, match=r"perspective\.distortion=1 is not possible: expected a value in \[0, 1\)"):
        perspective(draws(), SIZE, distortion=1)


def test_lens_coefficients_are_uniform_to_either_side() -> None:
    k = lens_distortion(draws(), SIZE, k=0.3).lens
    assert k is not None
    assert k.dtype == torch.float32
    assert -0.3 <= float(k.min()) < -0.299
    assert 0.299 < float(k.max()) <= 0.3
    assert abs(float(k.mean())) < 5 * 0.6 / math.sqrt(12 * N)
    assert unchanged(lens_distortion(draws(), SIZE, k=0.0))
    with pytest.raises(BadValue, match=r"lens_distortion\.k=0\.4 is not possible: expected a value in \[0, 0\.33\]"):
        lens_distortion(draws(), SIZE, k=0.4)


def test_the_strongest_pincushion_does_not_fold_the_image() -> None:
    r = np.linspace(0, 1, 1001)
    assert (np.diff(r * (1 - 0.33 * r**2)) > 0).all()
    assert (np.diff(r * (1 - 0.34 * r**2)) < 0).any()


@pytest.mark.parametrize(
    "member", [vflip, crop, resized_crop, scale_jitter, rotate, affine, perspective, lens_distortion]
)
def test_images_of_one_pixel_and_batches_of_one_are_augmented(member: object) -> None:
    for size in ((1, 1), (1, 7), (8, 8), (64, 48)):
        assert callable(member)
        x = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, *size, 1), dtype=np.uint8))
        out = moved(x, [member(draws(num=1), size)])
        assert out.shape == x.shape
        assert int(x.min()) <= int(out.min()) <= int(out.max()) <= int(x.max())
