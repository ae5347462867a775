"""Members that change colours: what they draw, and what becomes of an image."""

import numpy as np
import pytest
import torch

from trainwell.augmentations import augmentations
from trainwell.augmentations.color_jitter import color_jitter
from trainwell.augmentations.noise import noise
from trainwell.augmentations.pca_color import pca_color
from trainwell.data.augment import Augmenter
from trainwell.draws import Draws
from trainwell.errors import BadValue

N = 4000
SIZE = (8, 8)


def draws(epoch: int = 0) -> Draws:
    return Draws(0, np.full(N, epoch), np.arange(N))


def test_color_jitter_draws_each_factor_by_itself_within_its_range() -> None:
    colour = color_jitter(draws(), SIZE, brightness=0.4, contrast=0.2, saturation=1.0, hue=0.1)
    spans = {"brightness": (0.6, 1.4), "contrast": (0.8, 1.2), "saturation": (0.0, 2.0), "hue": (-0.1, 0.1)}
    drawn = []
    for name, (low, high) in spans.items():
        values = getattr(colour, name)
        assert low <= float(values.min()) < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < float(values.max()) <= high
        assert float(values.mean()) == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
        drawn.append(values)
    correlation = torch.corrcoef(torch.stack(drawn)) - torch.eye(4)
    assert float(correlation.abs().max()) < 4 / N**0.5  # four standard errors


def test_what_is_not_to_be_jittered_is_not_asked_for() -> None:
    colour = color_jitter(draws(), SIZE, brightness=0, contrast=0, saturation=0, hue=0)
    assert all(value is None for value in vars(colour).values())
    for name, value in {"brightness": 1.1, "contrast": -0.1, "saturation": 2.0, "hue": 0.6}.items():
        with pytest.raises(BadValue, match=rf"color_jitter\.{name}={value} is not possible"):
            color_jitter(draws(), SIZE, **{name: value})


def test_pca_color_draws_normal_multiples() -> None:
    lighting = pca_color(draws(), SIZE, std=0.1).lighting
    assert lighting is not None
    assert lighting.shape == (N, 3)
    assert torch.allclose(lighting.mean(0), torch.zeros(3), atol=4 * 0.1 / N**0.5)
    assert torch.allclose(lighting.std(0), torch.full((3,), 0.1), rtol=0.05)
    assert torch.allclose((lighting / 0.1).pow(4).mean(0), torch.full((3,), 3.0), rtol=0.25)
    assert float((torch.corrcoef(lighting.T) - torch.eye(3)).abs().max()) < 4 / N**0.5
    off = pca_color(draws(), SIZE, std=0).lighting
    assert off is not None
    assert not bool(off.any())
    with pytest.raises(BadValue, match=r"pca_color\.std=-1 is not possible"):
        pca_color(draws(), SIZE, std=-1)


def test_pca_color_spreads_images_as_the_training_pixels_are_spread() -> None:
    # One grey value moved by its lighting: the covariance of the results is std^2 times that of the pixels.
    pixels = np.random.default_rng(0).normal(size=(10_000, 3)) @ np.array([[30.0, 28, 25], [0, 8, -5], [0, 0, 4]])
    covariance = torch.from_numpy(np.cov(pixels.T))
    augmenter = Augmenter([augmentations.part("pca_color", std=0.5)], (1, 1), covariance=covariance)
    augmenter.draw(draws())
    moved = augmenter.pixels(torch.full((N, 1, 1, 3), 128, dtype=torch.uint8)).view(N, 3).double()
    assert torch.allclose(torch.cov(moved.T), 0.25 * covariance, rtol=0.1, atol=2.0)


def test_noise_has_the_deviation_it_was_given_and_another_place_for_each_image() -> None:
    colour = noise(draws(), SIZE, std=0.1)
    assert colour.noise is not None
    assert colour.noise_start is not None
    assert torch.allclose(colour.noise, torch.full((N,), 25.5))
    assert len(colour.noise_start.unique()) > N - 10
    assert bool((colour.noise_start >= 0).all())
    other = noise(draws(1), SIZE, std=0.1).noise_start
    assert other is not None
    assert not bool((other == colour.noise_start).any())
    augmenter = Augmenter([augmentations.part("noise", std=0.1)], SIZE)
    augmenter.draw(draws())
    values = augmenter.pixels(torch.full((N, *SIZE, 3), 128, dtype=torch.uint8)) - 128
    assert float(values.std()) == pytest.approx(25.5, rel=0.01)
    with pytest.raises(BadValue, match=r"noise\.std=2 is not possible: expected a value in \[0, 1\]"):
        noise(draws(), SIZE, std=2)
