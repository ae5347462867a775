"""What every contender of the throughput benchmark trains: network, data, batch, optimizer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from sklearn.datasets import load_digits

from images import crops, pad, read_folder, take

MARGIN = 2  # pixels a crop moves
MOMENTUM = 0.9
SGD_LR = 0.05
SGD_DECAY = 5e-4
ADAMW_LR = 1e-3
ADAMW_DECAY = 1e-2
DIGITS_REPEATED = 20  # so that a turn lies within one epoch, and nobody pays for the end of an epoch

Turn = Callable[[int, int], float]
"""(warm-up steps, steps) -> seconds that the steps took, warm-up not counted."""


@dataclass(frozen=True)
class Task:
    """One network of the benchmark.

    Args:
        network: convnet, resnet18 or mlp.
        batch: Samples a step.
        data: Folder that holds train/, a folder of class folders; not read for the mlp.
        seed: Seed of weights, order and augmentation.
    """

    network: str
    batch: int
    data: Path
    seed: int = 0


def image_stream(task: Task) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches, flipped and cropped as a whole, from images that lie in memory as uint8."""
    images, labels = read_folder(task.data / "train")
    windows = crops(pad(images, MARGIN), MARGIN)
    while True:
        order = torch.randperm(len(labels))
        for rows in order[: len(order) // task.batch * task.batch].split(task.batch):
            yield take(windows, rows, torch.rand(len(rows)) < 0.5), labels[rows]


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """scikit-learn's digits, (N, 64) float32 of mean 0, and their labels, repeated."""
    x, y = load_digits(return_X_y=True)
    inputs = torch.from_numpy(x).float()
    inputs = (inputs - inputs.mean(0)) / (inputs.std(0) + 1e-6)
    return inputs.repeat(DIGITS_REPEATED, 1), torch.from_numpy(y).repeat(DIGITS_REPEATED)


def digit_stream(task: Task) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches of digits, taken from memory by index."""
    inputs, labels = digits()
    while True:
        for rows in torch.randperm(len(labels)).split(task.batch)[:-1]:
            yield inputs.index_select(0, rows), labels.index_select(0, rows)
