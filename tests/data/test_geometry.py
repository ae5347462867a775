"""Geometry against known transforms of marked images: turned, cut, padded and scaled by numpy and torch."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from trainwell.augmentations import Geometry
from trainwell.data.geometry import moved

# On either side of the size from which images are handled one by one.
SMALL, LARGE = (9, 14), (50, 61)
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
N = 6


def images(size: tuple[int, int], channels: int = 3, num: int = N) -> Tensor:
    drawn = np.random.default_rng(0).integers(0, 256, (num, *size, channels), dtype=np.uint8)
    return torch.from_numpy(drawn)


def ramps(size: tuple[int, int], num: int = N) -> Tensor:
    """Two channels that say, four times, which column and which row a pixel is: bilinear values of them are places."""
    height, width = size
    columns, rows = torch.arange(width).expand(height, width), torch.arange(height)[:, None].expand(height, width)
    return (4 * torch.stack((columns, rows), dim=2)).to(torch.uint8).repeat(num, 1, 1, 1)


def rotation(*degrees: float) -> Tensor:
    """Counter-clockwise; y goes down."""
    angle = torch.tensor(degrees).deg2rad()
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return torch.stack((cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1), dim=1).view(-1, 3, 3)


def nearly(matrix: Tensor) -> Tensor:
    """A matrix that is not the identity and moves no pixel by a thousandth: takes the way through the grid."""
    return matrix + torch.tensor([[0, 1e-7, 0], [0, 0, 0], [0, 0, 0]])


def padded(image: Tensor, by: int) -> np.ndarray:
    return np.pad(image.numpy(), ((by, by), (by, by), (0, 0)), mode="reflect")


def cut(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    by = max(0, -top, -left, top + height - image.shape[0], left + width - image.shape[1])
    whole = padded(image, by)
    return torch.from_numpy(whole[by + top : by + top + height, by + left : by + left + width].copy())


def scaled(image: Tensor, size: tuple[int, int]) -> Tensor:
    values = image.permute(2, 0, 1)[None].float()
    return functional.interpolate(values, size, mode="bilinear", antialias=True)[0].permute(1, 2, 0)


@pytest.mark.parametrize("side", [1, 2, 8, 33, 64])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_quarter_turns_are_exact(side: int, channels: int) -> None:
    x = images((side, side), channels, 4)
    out = moved(x, [Geometry(matrix=rotation(90, 180, 270, -90))])
    for i, turns in enumerate((1, 2, 3, 3)):
        assert torch.equal(out[i], torch.rot90(x[i], turns))


@SIZES
def test_half_a_turn_is_exact_where_sides_differ(size: tuple[int, int]) -> None:
    x = images(size)
    assert torch.equal(moved(x, [Geometry(matrix=rotation(*[180.0] * N))]), x.flip(1, 2))


@SIZES
def test_the_identity_is_exact_on_every_path(size: tuple[int, int]) -> None:
    x = images(size)
    before = x.clone()
    whole = torch.tensor([0.0, 0.0, *size]).expand(N, 4)
    none = torch.zeros(N, dtype=torch.bool)
    shift = torch.zeros(N, 2, dtype=torch.int64)
    same = Geometry(none, none, shift, whole, torch.eye(3).expand(N, 3, 3), torch.zeros(N))
    assert torch.equal(moved(x, [same]), x)
    assert torch.equal(moved(x, [Geometry(matrix=nearly(torch.eye(3).repeat(N, 1, 1)))]), x)
    assert torch.equal(moved(x, [same, Geometry(lens=torch.full((N,), 1e-7)), same]), x)
    assert moved(x, []) is x
    assert moved(x, [Geometry(window=whole)]) is not x  # the caller may overwrite what it gets
    assert torch.equal(x, before)


@SIZES
def test_a_shift_reflects_as_often_as_it_must(size: tuple[int, int]) -> None:
    height, width = size
    x = images(size)
    far = [(1, -2), (0, 3), (-height, 0), (2 * height + 3, width), (-3 * height, 5 * width + 1), (0, 0)]
    out = moved(x, [Geometry(shift=torch.tensor(far))])
    for i, (down, right) in enumerate(far):
        assert torch.equal(out[i], cut(x[i], down, right, height, width))


@SIZES
def test_a_translation_by_a_matrix_is_the_shift(size: tuple[int, int]) -> None:
    height, width = size
    x = images(size)
    far = torch.tensor([(1, -2), (0, 3), (-height + 1, 2), (2 * height, 5), (4, 2 * width), (0, 1)])
    matrix = torch.eye(3).repeat(N, 1, 1)
    matrix[:, :2, 2] = far.flip(1) / (min(size) / 2)
    assert torch.equal(moved(x, [Geometry(matrix=matrix)]), moved(x, [Geometry(shift=far)]))


def test_a_window_is_the_crop_scaled() -> None:
    height, width = LARGE
    windows = [(0, 0, 30, 40), (7, 11, 43, 17), (0, 1, 50, 60), (49, 60, 1, 1), (-5, 10, 70, 70), (-40, -50, 130, 150)]
    x = images(LARGE)
    out = moved(x, [Geometry(window=torch.tensor(windows).float())])
    for i, window in enumerate(windows):
        expected = scaled(cut(x[i], *window), LARGE)
        assert float((out[i] - expected).abs().max()) < 1.01  # bytes are rounded after either direction
    assert torch.equal(out[3], x[3, 49:, 60:].expand(height, width, 3))
    grey = moved(x[..., :1].contiguous(), [Geometry(window=torch.tensor(windows).float())])
    assert float((grey.int() - out[..., :1].int()).abs().max()) <= 1


def test_a_window_of_a_small_image_is_the_crop_scaled() -> None:
    x = images(SMALL)
    windows = [(0, 0, 7, 9), (2, 3, 7, 9), (1, 0, 5, 14), (0, 5, 9, 9), (3, 4, 1, 1), (-3, -2, 9, 14)]
    flip, vflip = torch.arange(N) % 2 == 0, torch.arange(N) % 3 == 0
    plans = [Geometry(window=torch.tensor(windows).float()), Geometry(flip=flip, vflip=vflip)]
    out = moved(x, plans)
    for i, window in enumerate(windows):
        expected = scaled(cut(x[i], *window), SMALL)
        expected = expected.flip(1) if flip[i] else expected
        expected = expected.flip(0) if vflip[i] else expected
        assert float((out[i] - expected).abs().max()) < 0.501  # rounded once


def test_edges_of_a_window_are_rounded_to_whole_pixels() -> None:
    x = images(LARGE, num=2)
    between, whole = torch.tensor([[1.4, 2.6, 20.2, 30.3]] * 2), torch.tensor([[1.0, 3.0, 21.0, 30.0]] * 2)
    assert torch.equal(moved(x, [Geometry(window=between)]), moved(x, [Geometry(window=whole)]))
    thin = torch.tensor([[4.0, 5.0, 0.1, 0.1]] * 2)
    assert torch.equal(moved(x, [Geometry(window=thin)]), x[:, 4:5, 5:6].expand_as(x))


def test_flips_and_shifts_are_folded_into_windows() -> None:
    """Whatever came before or after a window, one interpolation gives what several steps would."""
    height, width = LARGE
    x = images(LARGE)
    flip, vflip = torch.arange(N) % 2 == 0, torch.arange(N) % 3 == 0
    shift = torch.tensor([[3, -4], [0, 0], [-7, 9], [1, 1], [0, 5], [2, -9]])
    window = torch.tensor([[4, 5, 30, 25]] * N).float()
    plans = [
        Geometry(flip=flip, shift=shift),
        Geometry(vflip=vflip, window=window),
        Geometry(flip=~flip),
        Geometry(vflip=~vflip, window=torch.tensor([0.0, 0.0, height, width]).expand(N, 4)),
    ]
    out = moved(x, plans)
    for i in range(N):
        image = x[i].flip(1) if flip[i] else x[i]
        image = cut(image, *shift[i].tolist(), height, width)
        image = image.flip(0) if vflip[i] else image
        image = scaled(image[4:34, 5:30], LARGE)
        image = image.flip(1) if not flip[i] else image
        image = image.flip(0) if not vflip[i] else image
        assert float((out[i] - image).abs().max()) < 1.01


def test_a_shift_behind_a_window_and_two_windows_are_composed() -> None:
    height, width = 64, 80
    x = images((height, width), num=2)
    half = Geometry(window=torch.tensor([[8.0, 12.0, 32.0, 40.0], [0.0, 0.0, 64.0, 80.0]]))
    mirrored = Geometry(flip=torch.ones(2, dtype=torch.bool))
    out = moved(x, [half, Geometry(shift=torch.tensor([[4, -6], [0, 0]]))])
    assert torch.equal(out[0], moved(x, [Geometry(window=torch.tensor([[10.0, 9, 32, 40]] * 2))])[0])
    assert torch.equal(out[1], x[1])
    twice = moved(x, [half, mirrored, Geometry(window=torch.tensor([[16.0, 20.0, 32.0, 20.0]] * 2))])
    # 20 of 80 mirrored columns from the 20th on are the columns 40 .. 59, of 40 from the 12th on: 32 .. 41.
    expected = moved(x, [Geometry(window=torch.tensor([[16.0, 32.0, 16.0, 10.0]] * 2)), mirrored])
    assert torch.equal(twice[0], expected[0])


def test_flips_shifts_and_windows_are_folded_into_the_grid() -> None:
    side = 48
    x = images((side, side))
    flip, vflip = torch.arange(N) % 2 == 0, torch.arange(N) % 3 == 0
    shift = torch.tensor([[3, -4], [0, 0], [-7, 9], [1, 1], [0, 5], [2, -9]])
    before = [Geometry(flip=flip, shift=shift), Geometry(vflip=vflip)]
    turn = Geometry(matrix=rotation(*[90.0] * N))
    assert torch.equal(moved(x, [*before, turn]), torch.rot90(moved(x, before), 1, (1, 2)))
    after = [Geometry(vflip=vflip), Geometry(flip=flip)]
    assert torch.equal(moved(x, [turn, *after]), moved(torch.rot90(x, 1, (1, 2)).contiguous(), after))
    # A window of half the side ends between the places that its scaled image takes; inside they agree.
    window = Geometry(window=torch.tensor([[8.0, 16.0, 24.0, 24.0]] * N))
    folded, steps = moved(x, [window, turn]), torch.rot90(moved(x, [window]), 1, (1, 2))
    assert float((folded.int() - steps.int())[:, 1:-1, 1:-1].abs().max()) <= 1


@SIZES
def test_fields_act_in_their_order(size: tuple[int, int]) -> None:
    x = images(size)
    shift = torch.tensor([[1, -2]] * N)
    window = torch.tensor([[1.0, 2.0, 6.0, 7.0]] * N)
    lens, yes = torch.full((N,), 0.1), torch.ones(N, dtype=torch.bool)
    fields = {"flip": yes, "vflip": yes, "shift": shift, "window": window, "matrix": rotation(*range(N)), "lens": lens}
    at_once = moved(x, [Geometry(**fields)])
    assert torch.equal(at_once, moved(x, [Geometry(**{name: value}) for name, value in fields.items()]))
    assert not torch.equal(at_once, moved(x, [Geometry(**{name: value}) for name, value in reversed(fields.items())]))


def shown(x: Tensor, plans: list[Geometry]) -> np.ndarray:
    """Columns and rows of the stored image that each pixel of the output shows, (N, H, W, 2), to 1/8."""
    return moved(x, plans).numpy() / 4


def compare(found: np.ndarray, u: np.ndarray, v: np.ndarray, size: tuple[int, int]) -> None:
    """Places that lie inside the image agree to the rounding of the ramps."""
    inside = (u >= 0) & (u <= size[1] - 1) & (v >= 0) & (v <= size[0] - 1)
    assert inside.mean() > 0.3
    assert np.abs(found[..., 0] - u)[inside].max() < 0.126
    assert np.abs(found[..., 1] - v)[inside].max() < 0.126


def centred(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, float]:
    """x and y of every pixel in units of half the shorter side, and that unit in pixels."""
    height, width = size
    unit = min(size) / 2
    rows, columns = np.mgrid[:height, :width].astype(float)
    return (columns - (width - 1) / 2) / unit, (rows - (height - 1) / 2) / unit, unit


@pytest.mark.parametrize("size", [(50, 61), (40, 20), (8, 8)])
def test_a_projective_map_shows_the_places_of_its_formula(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(1)
    matrices = np.eye(3) + generator.uniform(-0.2, 0.2, (N, 3, 3))
    matrices[:2, 2] = (0, 0, 1)  # two of them affine
    found = shown(ramps(size), [Geometry(matrix=torch.from_numpy(matrices).float())])
    x, y, unit = centred(size)
    for i, m in enumerate(matrices):
        a, b, c = (row[0] * x + row[1] * y + row[2] for row in m)
        compare(found[i], a / c * unit + (size[1] - 1) / 2, b / c * unit + (size[0] - 1) / 2, size)


def test_the_scale_of_a_projective_map_means_nothing() -> None:
    x, turn = images(LARGE, num=2), rotation(30.0, 70.0)
    assert torch.equal(moved(x, [Geometry(matrix=2 * turn)]), moved(x, [Geometry(matrix=turn)]))


@pytest.mark.parametrize("size", [(50, 61), (40, 20), (8, 8)])
def test_a_lens_shows_the_places_of_its_formula(size: tuple[int, int]) -> None:
    k = np.array([0.3, -0.3, 0.1, -0.05, 0.0, 0.2])
    found = shown(ramps(size), [Geometry(lens=torch.from_numpy(k).float())])
    height, width = size
    x, y, unit = centred(size)
    for i in range(N):
        r = np.hypot(x, y) / (math.hypot(height, width) / 2 / unit)  # 1 at the corners
        bend = 1 + k[i] * r**2
        compare(found[i], x * bend * unit + (width - 1) / 2, y * bend * unit + (height - 1) / 2, size)


def test_a_barrel_bends_outwards_and_a_pincushion_inwards() -> None:
    """The eighth row from above, a line, is farthest up in the middle as a barrel shows it."""
    x = torch.zeros(2, 65, 65, 1, dtype=torch.uint8)
    x[:, 8] = 255
    out = moved(x, [Geometry(lens=torch.tensor([0.3, -0.3]))])[..., 0].float()
    middle, side = out[:, :, 32].argmax(1), out[:, :, 8].argmax(1)
    assert int(middle[0]) < int(side[0])
    assert int(middle[1]) > int(side[1])


def test_lens_and_matrix_act_one_after_the_other() -> None:
    size = (50, 61)
    k, turn = 0.2, rotation(30.0)
    found = shown(ramps(size, 1), [Geometry(matrix=turn), Geometry(lens=torch.tensor([k]))])
    x, y, unit = centred(size)
    bend = 1 + k * (x**2 + y**2) / (math.hypot(*size) / 2 / unit) ** 2
    x, y = x * bend, y * bend  # the lens was put on last, so that it is met first on the way back
    (a, b, _), (c, d, _), _ = turn[0].tolist()
    u, v = a * x + b * y, c * x + d * y
    compare(found[0], u * unit + (size[1] - 1) / 2, v * unit + (size[0] - 1) / 2, size)


def test_what_lies_outside_a_grid_is_reflected() -> None:
    x = images((20, 20), num=1)
    zoom = torch.diag(torch.tensor([3.0, 3.0, 1.0]))[None]
    out = moved(x, [Geometry(matrix=zoom)])
    places = 3 * (np.arange(20) - 9.5) + 9.5  # -19, -16 ... 38: whole ones
    whole = padded(x[0], 30)
    rows = (places + 30).astype(int)
    assert np.array_equal(out[0].numpy(), whole[rows][:, rows])


@SIZES
def test_results_do_not_depend_on_the_number_of_threads(size: tuple[int, int]) -> None:
    x = images(size, num=200 if size == SMALL else 40)
    num, before = len(x), torch.get_num_threads()
    generator = torch.Generator().manual_seed(0)
    matrix = torch.eye(3) + 0.1 * torch.rand(num, 3, 3, generator=generator)
    window = torch.tensor([1.0, 1.0, 6.0, 8.0]).expand(num, 4)
    flip = torch.rand(num, generator=generator) < 0.5
    plans = [[Geometry(matrix=matrix)], [Geometry(window=window, flip=flip)], [Geometry(flip=flip)]]
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append([moved(x, plan) for plan in plans])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
