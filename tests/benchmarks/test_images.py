"""Whole-batch crops and flips against slices taken one by one."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from images import CIFAR_MEAN, CIFAR_STD, crops, normalise, pad, read_folder, take


def test_folder_is_read_by_class_and_name(tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "ant")):
        (tmp_path / name).mkdir()
        for number in range(2):
            pixels = np.full((4, 5, 3), 100 * label + number, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    images, labels = read_folder(tmp_path)
    assert images.shape == (4, 4, 5, 3)
    assert images[:, 0, 0, 0].tolist() == [100, 101, 0, 1]
    assert labels.tolist() == [0, 0, 1, 1]


def test_padding_mirrors() -> None:
    images = torch.randint(0, 256, (2, 6, 6, 3), dtype=torch.uint8)
    padded = pad(images, 2)
    expected = np.pad(images.numpy(), ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    assert np.array_equal(padded.numpy(), expected)


def test_crops_are_slices() -> None:
    padded = torch.randint(0, 256, (3, 10, 10, 3), dtype=torch.uint8)
    windows = crops(padded, 2)
    assert windows.shape == (3, 5, 5, 6, 6, 3)
    assert torch.equal(windows[1, 4, 2], padded[1, 4:10, 2:8])


def test_take_flips_where_told() -> None:
    images = torch.randint(0, 256, (4, 6, 6, 3), dtype=torch.uint8)
    windows = crops(images, 0)  # one crop only: the image itself
    batch = take(windows, torch.tensor([3, 0]), torch.tensor([True, False]))
    assert torch.equal(batch[0], normalise(images)[3].flip(2))
    assert torch.equal(batch[1], normalise(images)[0])
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_normalise_uses_the_channel_statistics() -> None:
    pixels = normalise(torch.full((1, 2, 2, 3), 51, dtype=torch.uint8))
    expected = [(0.2 - mean) / std for mean, std in zip(CIFAR_MEAN, CIFAR_STD, strict=True)]
    assert torch.allclose(pixels[0, :, 0, 0], torch.tensor(expected))
