"""RandAugment and TrivialAugment: what is drawn, how strong, and what one operation does."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from trainwell.augmentations import Colour, Geometry
from trainwell.augmentations.randaugment import OPERATIONS, Ranges, operation, randaugment
from trainwell.augmentations.trivialaugment import trivialaugment
from trainwell.data.colour import apply_colour
from trainwell.data.geometry import moved
from trainwell.draws import Draws
from trainwell.errors import BadValue

N = 8000
SIZE = (40, 20)
RANGES = Ranges(degrees=90, shear=0.5, rows=10, columns=5, factor=0.9, bits=4)


def draws(epoch: int = 0) -> Draws:
    return Draws(0, np.full(N, epoch), np.arange(N))


def active(geometry: Geometry, colour: Colour) -> dict[str, torch.Tensor]:
    """Which images drew each operation, read from the plans."""
    assert geometry.shift is not None
    assert geometry.matrix is not None
    fields = {name: getattr(colour, name) for name in ("brightness", "contrast", "saturation", "sharpness")}
    matrix = geometry.matrix
    return {name: value != 1 for name, value in fields.items()} | {
        "solarize": colour.solarize < 256,
        "posterize": colour.posterize < 8,
        "autocontrast": colour.autocontrast,
        "equalize": colour.equalize,
        "translate_y": geometry.shift[:, 0] != 0,
        "translate_x": geometry.shift[:, 1] != 0,
        "rotate": matrix[:, 0, 0] != 1,
        "shear_x": (matrix[:, 0, 1] != 0) & (matrix[:, 0, 0] == 1),
        "shear_y": (matrix[:, 1, 0] != 0) & (matrix[:, 0, 0] == 1),
    }


def test_randaugment_draws_each_of_14_operations_alike_and_one_at_a_time() -> None:
    plans = randaugment(draws(), SIZE, num_ops=3)
    assert [type(plan) for plan in plans] == [Geometry, Colour] * 3
    for slot in range(3):
        geometry, colour = plans[2 * slot : 2 * slot + 2]
        assert isinstance(geometry, Geometry)
        assert isinstance(colour, Colour)
        drawn = active(geometry, colour)
        assert set(drawn) == set(OPERATIONS) - {"identity"}
        times = torch.stack(list(drawn.values())).sum(0)
        assert int(times.max()) == 1
        assert float((times == 0).float().mean()) == pytest.approx(1 / 14, abs=0.012)  # four standard errors
        for chosen in drawn.values():
            assert float(chosen.float().mean()) == pytest.approx(1 / 14, abs=0.012)
    assert not torch.equal(plans[1].brightness, plans[3].brightness)


def test_randaugment_has_the_strengths_of_its_magnitude() -> None:
    for magnitude, level in ((30, 1.0), (15, 0.5)):
        geometry, colour = randaugment(draws(), SIZE, num_ops=1, magnitude=magnitude)
        assert colour.contrast.unique().tolist() == pytest.approx([1 - 0.9 * level, 1, 1 + 0.9 * level])
        assert colour.solarize.unique().tolist() == [256 * (1 - level), 256]
        assert colour.posterize.unique().tolist() == [8 - 4 * level, 8]
        far = [round(150 / 331 * side * level) for side in SIZE]  # 18 and 9 pixels of 40 and 20
        assert geometry.shift.amax(0).tolist() == far
        assert geometry.shift.amin(0).tolist() == [-value for value in far]
        angle = torch.acos(geometry.matrix[:, 0, 0]).max()
        assert math.degrees(angle) == pytest.approx(30 * level, abs=1e-3)
        shears = geometry.matrix[geometry.matrix[:, 0, 0] == 1]
        assert shears[:, 0, 1].unique().tolist() == pytest.approx([-0.3 * level, 0, 0.3 * level])
        assert shears[:, 1, 0].unique().tolist() == pytest.approx([-0.3 * level, 0, 0.3 * level])


def test_randaugment_at_magnitude_zero_only_stretches_and_evens_out() -> None:
    geometry, colour = randaugment(draws(), SIZE, num_ops=1, magnitude=0)
    drawn = active(geometry, colour)
    assert {name for name, chosen in drawn.items() if bool(chosen.any())} == {"autocontrast", "equalize"}
    for wrong in ({"num_ops": 0}, {"magnitude": 31}, {"magnitude": -1}):
        (name, value) = next(iter(wrong.items()))
        with pytest.raises(BadValue, match=rf"randaugment\.{name}={value} is not possible"):
            randaugment(draws(), SIZE, **wrong)


def test_trivialaugment_draws_one_of_31_strengths() -> None:
    geometry, colour = trivialaugment(draws(), SIZE)
    steps = (colour.brightness - 1) * 30 / 0.99
    assert torch.allclose(steps, steps.round(), atol=1e-4)
    assert steps.round().unique().tolist() == list(range(-30, 31))
    assert colour.solarize.unique().tolist() == pytest.approx([256 * k / 30 for k in range(31)], abs=1e-3)
    assert colour.posterize.unique().tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert geometry.shift.amax(0).tolist() == [20, 10]  # half of the side, under 32 pixels
    assert math.degrees(torch.acos(geometry.matrix[:, 0, 0]).max()) == pytest.approx(135, abs=1e-3)
    assert float(geometry.matrix[geometry.matrix[:, 0, 0] == 1][:, 0, 1].max()) == pytest.approx(0.99)
    far, _ = trivialaugment(draws(), (224, 300))
    assert far.shift.amax(0).tolist() == [32, 32]
    times = torch.stack(list(active(geometry, colour).values())).sum(0)
    assert int(times.max()) == 1


def one(name: str, sign: int = 1) -> tuple[Geometry, Colour]:
    return operation(torch.tensor([OPERATIONS.index(name)]), torch.ones(1), torch.tensor([sign]), RANGES)


IMAGE = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 30, 30, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("name", "sign", "change", "tolerance"),
    [
        ("identity", 1, lambda image: image, 0),
        ("autocontrast", 1, ImageOps.autocontrast, 0),
        ("equalize", 1, ImageOps.equalize, 0),
        ("solarize", 1, lambda image: ImageOps.solarize(image, 0), 0),
        ("posterize", 1, lambda image: ImageOps.posterize(image, 4), 0),
        # Pillow rounds the grey before it blends and truncates after.
        ("saturation", 1, lambda image: ImageEnhance.Color(image).enhance(1.9), 1.5),
        ("contrast", -1, lambda image: ImageEnhance.Contrast(image).enhance(0.1), 1.5),
        ("brightness", -1, lambda image: ImageEnhance.Brightness(image).enhance(0.1), 1.0),
        ("sharpness", 1, lambda image: ImageEnhance.Sharpness(image).enhance(1.9), 1.5),
        # A quarter turn: the output at (x, y) shows the input at (-y, x), which turns the picture with the clock's
        # opposite; with the other sign, the other way.
        ("rotate", 1, lambda image: image.transpose(Image.Transpose.ROTATE_90), 1.0),
        ("rotate", -1, lambda image: image.transpose(Image.Transpose.ROTATE_270), 1.0),
    ],
)
def test_an_operation_is_that_of_pillow(name: str, sign: int, change: object, tolerance: float) -> None:
    geometry, colour = one(name, sign)
    found = apply_colour(moved(IMAGE, [geometry]), [colour]).float()
    expected = np.array(change(Image.fromarray(IMAGE[0].numpy()))).astype(np.float32)  # type: ignore[operator]
    assert np.abs(found[0].numpy() - expected).max() <= tolerance


def test_translations_and_shears_move_where_they_should() -> None:
    for sign in (1, -1):
        down, across = (moved(IMAGE, [one(name, sign)[0]]) for name in ("translate_y", "translate_x"))
        assert torch.equal(down, IMAGE[:, _reflected(np.arange(30) + 10 * sign)])
        assert torch.equal(across, IMAGE[:, :, _reflected(np.arange(30) + 5 * sign)])
    # Row i lies (i - 14.5) below the centre and shows what is half of that to the right: 14.5 + 0.5 is a half pixel.
    sheared = moved(IMAGE, [one("shear_x")[0]]).float()
    row = 15 + 2  # 2.5 below the centre: 1.25 to the right
    expected = 0.75 * IMAGE[0, row, 2:29].float() + 0.25 * IMAGE[0, row, 3:30].float()
    assert torch.allclose(sheared[0, row, 1:28], expected, atol=0.51)
    sheared = moved(IMAGE, [one("shear_y")[0]]).float()
    expected = 0.75 * IMAGE[0, 2:29, row].float() + 0.25 * IMAGE[0, 3:30, row].float()
    assert torch.allclose(sheared[0, 1:28, row], expected, atol=0.51)


def _reflected(places: np.ndarray) -> np.ndarray:
    return np.where(places > 29, 58 - places, np.abs(places))
