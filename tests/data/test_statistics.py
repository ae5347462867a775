"""The mean colour and the covariance of the training pixels."""

import numpy as np

from trainwell.data.statistics import pixel_statistics


def test_mean_and_covariance_are_those_of_the_training_pixels() -> None:
    draws = np.random.default_rng(0)
    x = draws.integers(0, 256, (30, 5, 4, 3)).astype(np.uint8)
    x[..., 1] = x[..., 0] // 2
    rows = np.arange(5, 25)
    mean, covariance = pixel_statistics(x, rows)
    pixels = x[rows].reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(mean, pixels.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(covariance, np.cov(pixels.T, bias=True), rtol=1e-4, atol=1e-2)


def test_a_sample_of_many_images_is_near_and_the_same_every_time() -> None:
    x = np.random.default_rng(1).integers(0, 256, (300, 256, 256, 1), dtype=np.uint8)
    first, second = pixel_statistics(x, np.arange(300)), pixel_statistics(x, np.arange(300))
    assert abs(float(first[0]) - x.mean()) < 0.1
    assert float(first[0]) == float(second[0])
