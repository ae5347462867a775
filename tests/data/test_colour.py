"""The colour pass against Pillow, against matrices worked out by hand, and image by image."""

import colorsys
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from trainwell.augmentations import Colour
from trainwell.data.colour import apply_colour
from trainwell.errors import BadValue

N, HEIGHT, WIDTH = 6, 17, 10


def images(channels: int = 3, *, low: int = 0, high: int = 256) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(low, high, (N, HEIGHT, WIDTH, channels), dtype=np.uint8))


def full(value: float) -> Tensor:
    return torch.full((N,), value)


def by_pillow(x: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    return torch.stack([torch.from_numpy(np.array(change(Image.fromarray(image.numpy())))) for image in x]).float()


ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "saturation": ImageEnhance.Color,
    "sharpness": ImageEnhance.Sharpness,
}


@pytest.mark.parametrize("name", ENHANCERS)
@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.9])
def test_enhancements_are_those_of_pillow(name: str, factor: float) -> None:
    x = images()
    expected = by_pillow(x, lambda image: ENHANCERS[name](image).enhance(factor))
    # Pillow rounds the grey, or the blurred image, before it blends, and truncates after: up to 0.5 |1 - f| + 1 off.
    found = apply_colour(x, [Colour(**{name: full(factor)})]).float()
    assert (found - expected).abs().max() <= 0.5 * abs(1 - factor) + 1
    assert (found - expected).abs().mean() < 0.8


@pytest.mark.parametrize(
    ("asked", "change"),
    [
        ({"solarize": full(100.0)}, lambda image: ImageOps.solarize(image, 100)),
        ({"solarize": full(0.0)}, ImageOps.invert),
        ({"posterize": torch.full((N,), 3)}, lambda image: ImageOps.posterize(image, 3)),
        ({"posterize": torch.full((N,), 1)}, lambda image: ImageOps.posterize(image, 1)),
        ({"autocontrast": torch.ones(N, dtype=torch.bool)}, ImageOps.autocontrast),
        ({"equalize": torch.ones(N, dtype=torch.bool)}, ImageOps.equalize),
    ],
)
@pytest.mark.parametrize("high", [256, 90, 41])  # 41: one value only
def test_curves_are_those_of_pillow_to_the_bit(asked: dict[str, Any], change: Any, high: int) -> None:
    x = torch.cat([images(low=40, high=high)] * 5, dim=1)  # equalize needs 255 pixels to do anything
    assert torch.equal(apply_colour(x, [Colour(**asked)]).float(), by_pillow(x, change))


def test_curves_of_one_image_act_one_after_the_other() -> None:
    x = torch.cat([images(low=30, high=150)] * 5, dim=1)
    on = torch.ones(N, dtype=torch.bool)
    both = Colour(solarize=full(128.0), posterize=torch.full((N,), 5), autocontrast=on, equalize=on)
    expected = by_pillow(
        x,
        lambda image: ImageOps.equalize(
            ImageOps.autocontrast(ImageOps.posterize(ImageOps.solarize(image, 128), 5)),
        ),
    )
    assert torch.equal(apply_colour(x, [both]), expected)
    apart = [Colour(solarize=full(128.0)), Colour(posterize=both.posterize), Colour(autocontrast=on)]
    assert torch.equal(apply_colour(x, [*apart, Colour(equalize=on)]), expected)


def test_affine_changes_are_composed_exactly_and_clamped_once() -> None:
    x = images()
    factors = (1.7, 0.3, 1.5)
    found = apply_colour(
        x, [Colour(brightness=full(factors[0]), contrast=full(factors[1])), Colour(saturation=full(factors[2]))]
    )
    values = x.double() * factors[0]
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    mean = (values @ weights).mean((1, 2))[:, None, None, None]
    values = mean + factors[1] * (values - mean)
    grey = (values @ weights)[..., None]
    expected = (grey + factors[2] * (values - grey)).clamp(0, 255)
    assert torch.allclose(found.double(), expected, atol=1e-3)
    back = apply_colour(x, [Colour(brightness=full(4.0)), Colour(brightness=full(0.25))])
    assert torch.equal(back, x.float())  # a clamp in between would have cost the bright values


def test_a_third_of_a_turn_permutes_the_channels_as_in_hsv() -> None:
    x = images()
    third = apply_colour(x, [Colour(hue=full(1 / 3))])
    assert torch.allclose(third, x[..., [2, 0, 1]].float(), atol=1e-3)  # red goes to green
    for turns in (1.0, -1.0):
        assert torch.allclose(apply_colour(x, [Colour(hue=full(turns))]), x.float(), atol=1e-3)
    red = torch.tensor([200, 0, 0], dtype=torch.uint8).expand(1, 1, 1, 3)
    by_hsv = colorsys.hsv_to_rgb(1 / 3, 1, 200)
    turned = apply_colour(red, [Colour(hue=torch.tensor([1 / 3]))])
    assert torch.allclose(turned.flatten(), torch.tensor(by_hsv), atol=1e-3)


def test_a_turn_keeps_greys_and_the_mean_of_the_channels() -> None:
    x = images(low=100, high=150)
    turned = apply_colour(x, [Colour(hue=full(0.1))])
    assert torch.allclose(turned.mean(3), x.float().mean(3), atol=1e-3)
    deviation = x.float() - x.float().mean(3, keepdim=True)
    turned_deviation = turned - turned.mean(3, keepdim=True)
    assert torch.allclose(turned_deviation.norm(dim=3), deviation.norm(dim=3), atol=1e-3)
    coloured = deviation.norm(dim=3) > 1  # a grey has no direction
    cosine = torch.cosine_similarity(turned_deviation, deviation, dim=3)[coloured]
    assert torch.allclose(cosine, torch.tensor(math.cos(2 * math.pi * 0.1)), atol=1e-3)
    grey = torch.full((1, 2, 2, 3), 77, dtype=torch.uint8)
    assert torch.allclose(apply_colour(grey, [Colour(hue=torch.tensor([0.37]))]), grey.float(), atol=1e-4)


def test_lighting_adds_multiples_of_the_principal_components() -> None:
    x = images(low=100, high=140)
    # Components (1, 1, 0) / sqrt 2 with standard deviation 6, (0, 0, 1) with 2, (1, -1, 0) / sqrt 2 with 1.
    axes = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 2**0.5], [1.0, -1.0, 0.0]]).T / 2**0.5
    covariance = axes @ torch.diag(torch.tensor([36.0, 4.0, 1.0])) @ axes.T
    amounts = torch.zeros(N, 3)
    amounts[0, 0], amounts[1, 1], amounts[2, 2] = 1.0, -2.0, 3.0
    moved = apply_colour(x, [Colour(lighting=amounts)], covariance=covariance) - x.float()
    expected = torch.zeros(N, 3)
    expected[0] = torch.tensor([1.0, 1.0, 0.0]) * 6 / 2**0.5
    expected[1] = torch.tensor([0.0, 0.0, -4.0])
    expected[2] = torch.tensor([1.0, -1.0, 0.0]) * 3 / 2**0.5
    moved[2] *= moved[2, 0, 0, 0].sign()  # the two largest entries of the third are alike: either may be positive
    assert torch.allclose(moved, expected[:, None, None].expand_as(moved), atol=1e-3)
    grey = apply_colour(images(1, low=100, high=140), [Colour(lighting=amounts)], covariance=torch.tensor([[9.0]]))
    assert torch.allclose(grey[0], images(1, low=100, high=140)[0].float() + 3, atol=1e-3)
    with pytest.raises(BadValue, match="no covariance of them was given"):
        apply_colour(x, [Colour(lighting=amounts)])


def test_noise_is_normal_and_each_images_own() -> None:
    x = torch.full((40, 32, 32, 3), 128, dtype=torch.uint8)
    starts = torch.arange(40) * 1_000_003 + 2**31 - 50_000_000
    std = torch.linspace(0, 20, 40)
    noise = apply_colour(x, [Colour(noise=std, noise_start=starts)]) - 128
    assert torch.equal(noise[0], torch.zeros(32, 32, 3))
    assert torch.allclose(noise.flatten(1).std(1), std, rtol=0.06)  # 4 standard errors of 3,072 values: 0.05
    assert torch.allclose(noise.flatten(1).mean(1), torch.zeros(40), atol=20 * 4 / 3072**0.5)
    standard = (noise[1:] / std[1:, None, None, None]).flatten()
    assert float((standard**4).mean()) == pytest.approx(3, rel=0.05)  # the fourth moment of the normal
    again = apply_colour(x, [Colour(noise=std, noise_start=starts + 2**20)])
    assert torch.equal(again - 128, noise)  # the table is read in a circle
    assert not torch.equal(noise[1] / std[1], noise[2] / std[2])


ALL = {
    "brightness": torch.tensor([1.0, 0.5, 1.5, 1.2, 1.0, 0.9]),
    "contrast": torch.tensor([1.3, 1.0, 0.2, 1.9, 1.0, 0.9]),
    "saturation": torch.tensor([0.1, 1.9, 1.0, 1.2, 1.0, 0.9]),
    "hue": torch.tensor([0.1, -0.5, 0.0, 0.2, 0.0, 0.3]),
    "lighting": torch.tensor([[0.3, 0.0, 0.1], [0.0] * 3, [0.0] * 3, [-0.1, 0.2, 0.2], [0.0] * 3, [0.1, 0.1, 0.1]]),
    "solarize": torch.tensor([256.0, 100.0, 256.0, 0.0, 256.0, 256.0]),
    "posterize": torch.tensor([8, 8, 3, 2, 8, 8]),
    "autocontrast": torch.tensor([False, True, False, True, False, False]),
    "equalize": torch.tensor([False, False, True, True, False, False]),
    "sharpness": torch.tensor([1.0, 0.3, 1.0, 1.7, 1.0, 1.0]),
    "noise": torch.tensor([0.0, 3.0, 0.0, 9.0, 0.0, 5.0]),
    "noise_start": torch.arange(N) * 777,
}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (HEIGHT, WIDTH)])
@pytest.mark.parametrize("as_float", [False, True])
def test_an_image_depends_on_its_own_draws_only(channels: int, size: tuple[int, int], as_float: bool) -> None:
    x = images(channels)[:, : size[0], : size[1]]
    x = x.float() + 0.25 if as_float else x
    covariance = torch.eye(channels) * 900
    plans = [Colour(**ALL), Colour(**{name: value.flip(0) for name, value in ALL.items()})]
    whole = apply_colour(x.clone(), plans, covariance=covariance)
    assert whole.shape == x.shape
    assert whole.dtype == torch.float32
    assert float(whole.min()) >= 0
    assert float(whole.max()) <= 255
    for chosen in ([4, 1, 3], [0], [1], [2], [3], [4], [5]):
        part = [Colour(**{name: value[chosen] for name, value in vars(plan).items()}) for plan in plans]
        assert torch.equal(apply_colour(x[chosen].clone(), part, covariance=covariance), whole[chosen])


def test_a_whole_batch_of_photos_does_not_depend_on_its_size_or_the_threads() -> None:
    x = torch.randint(0, 256, (40, 96, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    plan = {name: torch.cat([value] * 7)[:40] for name, value in ALL.items()}
    covariance = torch.eye(3) * 900
    whole = apply_colour(x, [Colour(**plan)], covariance=covariance)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(apply_colour(x, [Colour(**plan)], covariance=covariance), whole)
    finally:
        torch.set_num_threads(threads)
    one = [Colour(**{name: value[39:] for name, value in plan.items()})]
    assert torch.equal(apply_colour(x[39:], one, covariance=covariance), whole[39:])


def test_what_changes_nothing_leaves_the_values() -> None:
    x = images()
    assert apply_colour(x, []) is x
    plain = Colour(
        brightness=full(1.0),
        contrast=full(1.0),
        saturation=full(1.0),
        hue=full(0.0),
        lighting=torch.zeros(N, 3),
        solarize=full(256.0),
        posterize=torch.full((N,), 8),
        autocontrast=torch.zeros(N, dtype=torch.bool),
        equalize=torch.zeros(N, dtype=torch.bool),
        sharpness=full(1.0),
        noise=full(0.0),
        noise_start=torch.zeros(N, dtype=torch.int64),
    )
    kept = x.clone()
    assert torch.equal(apply_colour(x, [plain], covariance=torch.eye(3)), x.float())
    assert torch.equal(x, kept)


def test_stored_bytes_are_left_as_they_are() -> None:
    x = images()
    kept = x.clone()
    apply_colour(x, [Colour(**ALL)], covariance=torch.eye(3))
    assert torch.equal(x, kept)


def test_grey_images_have_neither_saturation_nor_hue() -> None:
    x = images(1)
    assert torch.equal(apply_colour(x, [Colour(saturation=full(0.2), hue=full(0.3))]), x.float())
    contrast = apply_colour(x, [Colour(contrast=full(0.5))])
    expected = by_pillow(x[..., 0], lambda image: ImageEnhance.Contrast(image).enhance(0.5))
    assert (contrast[..., 0] - expected).abs().max() <= 1.25


def test_an_edge_is_not_sharpened() -> None:
    x = images()
    sharp = apply_colour(x, [Colour(sharpness=full(1.9))])
    assert torch.equal(sharp[:, [0, -1]], x[:, [0, -1]].float())
    assert torch.equal(sharp[:, :, [0, -1]], x[:, :, [0, -1]].float())
    assert not torch.equal(sharp, x.float())
    small = x[:, :2]
    assert torch.equal(apply_colour(small, [Colour(sharpness=full(1.9))]), small.float())
