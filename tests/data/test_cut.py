import numpy as np
import pytest
import torch
from PIL import Image

from trainwell.data.cut import cut, middle, scaled
from trainwell.data.photos import Photos


def photo(height: int, width: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return np.ascontiguousarray(smooth[..., :channels])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_box_is_what_pillow_makes_of_it(channels: int) -> None:
    image = photo(60, 90, channels=channels)
    found = cut(image[None], np.array([0]), np.array([[10.0, 20.0, 50.0, 80.0]]), 24)
    part = Image.fromarray(image[10:50, 20:80].squeeze()).resize((24, 24), Image.Resampling.BILINEAR)
    assert found.shape == (1, 24, 24, channels) and found.dtype == torch.uint8
    assert np.abs(found[0].numpy().astype(int) - np.asarray(part).reshape(24, 24, channels)).max() <= 1


def test_a_box_of_the_side_is_copied_and_mirrored() -> None:
    images = np.stack([photo(30, 40, 1), photo(30, 40, 2)])
    boxes = np.array([[3.0, 5.0, 23.0, 25.0], [10.0, 20.0, 30.0, 40.0]])
    found = cut(images, np.array([1, 0]), boxes, 20, mirrored=np.array([True, False])).numpy()
    assert (found[0] == images[1, 3:23, 5:25][:, ::-1]).all()
    assert (found[1] == images[0, 10:30, 20:40]).all()


def test_fractional_boxes_stay_squares_within_the_image() -> None:
    image = photo(30, 41)
    found = cut(
        image[None], np.zeros(3, int), np.array([[0, 5.5, 30, 35.5], [0.4, 11.4, 30, 41], [9, 9, 9.1, 9.1]]), 30
    )
    assert (found[0].numpy() == image[:, 6:36]).all() and (found[1].numpy() == image[:, 11:41]).all()
    assert (found[2].numpy() == image[9, 9]).all()  # at least a pixel


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    photos = Photos.of([photo(40 + n, 70 - n, n) for n in range(32)], side=16)
    rows = np.arange(32)[::-1].copy()
    boxes = middle(photos.heights[rows], photos.widths[rows])
    threads = torch.get_num_threads()
    try:
        found = []
        for number in (1, 3):
            torch.set_num_threads(number)
            found.append(cut(photos, rows, boxes, 16, mirrored=rows % 2 == 0))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


def test_a_size_that_fits_is_left_alone() -> None:
    image = photo(8, 9)
    assert scaled(image, 8, 9) is image
