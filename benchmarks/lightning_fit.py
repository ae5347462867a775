"""Lightning, as its documentation shows it and with our precision, layout and data."""

import tempfile
import time
from typing import Any

import lightning
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

from images import CIFAR_MEAN, CIFAR_STD, list_images, read_image
from machine import keep_memory
from networks import NETWORKS
from task import (
    ADAMW_DECAY,
    ADAMW_LR,
    MARGIN,
    MOMENTUM,
    SGD_DECAY,
    SGD_LR,
    Task,
    Turn,
    digit_stream,
    digits,
    image_stream,
)

WORKERS = 2


class ImageFolder(Dataset):
    """Files of a folder of class folders; an item is decoded, cropped, flipped and normalised when it is asked for."""

    def __init__(self, task: Task) -> None:
        self.files, self.labels = list_images(task.data / "train")
        self.mean = torch.tensor(CIFAR_MEAN).view(3, 1, 1)
        self.std = torch.tensor(CIFAR_STD).view(3, 1, 1)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = read_image(self.files[index])
        padded = np.pad(image, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect")
        down, right = torch.randint(2 * MARGIN + 1, (2,)).tolist()
        image = padded[down : down + image.shape[0], right : right + image.shape[1]]
        if torch.rand(()) < 0.5:
            image = image[:, ::-1]
        pixels = torch.from_numpy(image.transpose(2, 0, 1).copy()).float().div_(255)
        return (pixels - self.mean) / self.std, self.labels[index]


class Classifier(lightning.LightningModule):
    """A network with its loss and optimizer."""

    def __init__(self, network: nn.Module, *, images: bool, fused: bool) -> None:
        super().__init__()
        self.network = network
        self.images = images
        self.fused = fused or None

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _index: int) -> torch.Tensor:
        x, y = batch
        loss = functional.cross_entropy(self.network(x), y)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        if self.images:
            return torch.optim.SGD(
                self.parameters(), SGD_LR, MOMENTUM, weight_decay=SGD_DECAY, nesterov=True, fused=self.fused
            )
        return torch.optim.AdamW(self.parameters(), ADAMW_LR, weight_decay=ADAMW_DECAY, fused=self.fused)


class Clock(lightning.Callback):
    """Seconds from the end of the last warm-up step to the end of the last step."""

    def __init__(self, warm_up: int, steps: int) -> None:
        self.warm_up = warm_up
        self.last = warm_up + steps
        self.start = self.seconds = 0.0

    def on_train_batch_end(self, *event: Any) -> None:
        _trainer, _module, _outputs, _batch, index = event
        if index + 1 == self.warm_up:
            self.start = time.perf_counter()
        if index + 1 == self.last:
            self.seconds = time.perf_counter() - self.start


def prepare(task: Task, variant: str) -> Turn:
    """A turn of `Trainer.fit`.

    Args:
        task: What to train.
        variant: `documented`, or `equal` for bf16, channels last, data in memory, and the allocator and optimizer of
            the loop written by hand.
    """
    torch.manual_seed(task.seed)
    images, equal = task.network != "mlp", variant == "equal"
    network = NETWORKS[task.network]().to(memory_format=torch.contiguous_format)
    if equal:
        keep_memory()
        torch.set_float32_matmul_precision("medium")
        network = network.to(memory_format=torch.channels_last)
    module = Classifier(network, images=images, fused=equal)
    loader = _loader(task, equal=equal)
    precision = "bf16-mixed" if equal and images else "32-true"

    def turn(warm_up: int, steps: int) -> float:
        clock = Clock(warm_up, steps)
        with tempfile.TemporaryDirectory() as folder:
            trainer = lightning.Trainer(
                max_epochs=1,
                limit_train_batches=warm_up + steps,
                precision=precision,
                callbacks=[clock],
                default_root_dir=folder,
            )
            trainer.fit(module, loader)
        return clock.seconds

    return turn


def _loader(task: Task, *, equal: bool) -> Any:
    if equal:
        return digit_stream(task) if task.network == "mlp" else image_stream(task)
    if task.network == "mlp":
        return DataLoader(TensorDataset(*digits()), task.batch, shuffle=True)
    return DataLoader(ImageFolder(task), task.batch, shuffle=True, num_workers=WORKERS, persistent_workers=True)
