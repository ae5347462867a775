"""Image folders as arrays, and the whole-batch flip and crop that a hand-written loop uses."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2470, 0.2435, 0.2616)


def list_images(folder: Path) -> tuple[list[Path], list[int]]:
    """Files of a folder of class folders and their labels, classes numbered by name."""
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    files = [(file, label) for label, name in enumerate(classes) for file in sorted(name.iterdir())]
    return [file for file, _ in files], [label for _, label in files]


def read_image(file: Path) -> np.ndarray:
    """(H, W, 3) uint8."""
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def read_folder(folder: Path, threads: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """All images of a folder, decoded: (N, H, W, 3) uint8 and labels, (N,) int64."""
    files, labels = list_images(folder)
    with ThreadPoolExecutor(threads) as pool:
        images = np.stack(list(pool.map(read_image, files)))
    return torch.from_numpy(images), torch.tensor(labels)


def normalise(images: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float32 of mean 0 and deviation 1, laid out channels last."""
    mean, std = torch.tensor(CIFAR_MEAN) * 255, torch.tensor(CIFAR_STD) * 255
    return ((images - mean) / std).permute(0, 3, 1, 2)


def pad(images: torch.Tensor, margin: int) -> torch.Tensor:
    """(N, H, W, 3) uint8 with `margin` mirrored pixels on each side."""
    planes = images.permute(0, 3, 1, 2)
    parts = [functional.pad(part.float(), (margin,) * 4, "reflect").to(torch.uint8) for part in planes.split(5000)]
    return torch.cat(parts).permute(0, 2, 3, 1).contiguous()


def crops(padded: torch.Tensor, margin: int) -> torch.Tensor:
    """A view of all crops of padded images, (N, 2 margin + 1, 2 margin + 1, H, W, 3); index it to take a batch."""
    count, height, width, channels = padded.shape
    shifts = 2 * margin + 1
    image, row, column, channel = padded.stride()
    size = (count, shifts, shifts, height - 2 * margin, width - 2 * margin, channels)
    return padded.as_strided(size, (image, row, column, row, column, channel))


def take(windows: torch.Tensor, indices: torch.Tensor, flipped: torch.Tensor) -> torch.Tensor:
    """A normalised batch: a random crop of each image, mirrored where `flipped`, (N,) bool, says so."""
    down, right = torch.randint(windows.shape[1], (2, len(indices)))
    batch = windows[indices, down, right]
    return normalise(torch.where(flipped.view(-1, 1, 1, 1), batch.flip(2), batch))
