"""Keras 3 on PyTorch, as its documentation shows it and with our precision, layout and data.

The backend is chosen by KERAS_BACKEND=torch, which the benchmark sets for every contender.
"""

import time
from typing import Any

import keras
import torch
from keras import layers
from torch.utils.data import DataLoader, Dataset

from images import list_images, read_image
from machine import keep_memory
from task import (
    ADAMW_DECAY,
    ADAMW_LR,
    MARGIN,
    MOMENTUM,
    SGD_DECAY,
    SGD_LR,
    Task,
    Turn,
    digits,
    image_stream,
)

WORKERS = 2
SIDE = 32


class ImageFolder(Dataset):
    """Files of a folder of class folders, (H, W, 3) uint8, decoded when asked for; the model augments."""

    def __init__(self, task: Task) -> None:
        self.files, self.labels = list_images(task.data / "train")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return read_image(self.files[index]), self.labels[index]


def convnet(x: Any) -> Any:
    """The layers of the PyTorch convnet."""
    x = layers.Activation("gelu")(layers.Conv2D(24, 2)(x))
    for width in (64, 256, 256):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = _norm(scale=False)(layers.MaxPooling2D(2)(x))
        x = layers.Activation("gelu")(x)
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("gelu")(_norm(scale=False)(x))
    x = layers.Flatten()(layers.MaxPooling2D(3)(x))
    return layers.Rescaling(1 / 9)(layers.Dense(10, use_bias=False)(x))


def resnet18(x: Any) -> Any:
    """The layers of the PyTorch ResNet-18."""
    x = layers.Activation("relu")(_conv_norm(x, 64, 3, 1))
    for stage, width in enumerate((64, 128, 256, 512)):
        for place in range(2):
            stride = 2 if stage and not place else 1
            branch = layers.Activation("relu")(_conv_norm(x, width, 3, stride))
            branch = _conv_norm(branch, width, 3, 1)
            shortcut = x if stride == 1 else _conv_norm(x, width, 1, stride)
            x = layers.Activation("relu")(layers.add([branch, shortcut]))
    return layers.Dense(10)(layers.GlobalAveragePooling2D()(x))


def mlp(x: Any) -> Any:
    """64 hidden units, 10 classes."""
    return layers.Dense(10)(layers.Dense(64, activation="relu")(x))


def _conv_norm(x: Any, width: int, side: int, stride: int) -> Any:
    return _norm()(layers.Conv2D(width, side, stride, padding="same", use_bias=False)(x))


def _norm(scale: bool = True) -> Any:
    return layers.BatchNormalization(axis=1 if _channels_first() else -1, scale=scale)


def _channels_first() -> bool:
    return keras.config.image_data_format() == "channels_first"


BODIES = {"convnet": convnet, "resnet18": resnet18, "mlp": mlp}


class Clock(keras.callbacks.Callback):
    """Seconds from the end of the last warm-up step to the end of the last step."""

    def __init__(self, warm_up: int, steps: int) -> None:
        super().__init__()
        self.warm_up = warm_up
        self.last = warm_up + steps
        self.start = self.seconds = 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        del logs
        if batch + 1 == self.warm_up:
            self.start = time.perf_counter()
        if batch + 1 == self.last:
            self.seconds = time.perf_counter() - self.start


def prepare(task: Task, variant: str) -> Turn:
    """A turn of `Model.fit`.

    Args:
        task: What to train.
        variant: `documented`, or `equal` for bf16, data in memory augmented as whole batches, and the allocator of the
            loop written by hand. There the dimensions are (N, C, H, W) over channels-last memory, as PyTorch has them,
            which is half as fast again as Keras' own order.
    """
    keras.utils.set_random_seed(task.seed)
    equal = variant == "equal"
    if equal:
        keep_memory()
        torch.set_float32_matmul_precision("medium")
        if task.network != "mlp":
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
            keras.config.set_image_data_format("channels_first")
    model = _model(task, equal=equal)
    source, options = _source(task, equal=equal)

    def turn(warm_up: int, steps: int) -> float:
        clock = Clock(warm_up, steps)
        model.fit(*source, steps_per_epoch=warm_up + steps, callbacks=[clock], **options)
        return clock.seconds

    return turn


def _model(task: Task, *, equal: bool) -> Any:
    image = (3, SIDE, SIDE) if _channels_first() else (SIDE, SIDE, 3)
    inputs = keras.Input((64,) if task.network == "mlp" else image)
    x = inputs
    if task.network != "mlp" and not equal:
        shift = MARGIN / SIDE
        x = layers.RandomFlip("horizontal")(x)
        x = layers.RandomTranslation(shift, shift, fill_mode="reflect")(x)
        x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    model = keras.Model(inputs, BODIES[task.network](x))
    if task.network == "mlp":
        optimizer = keras.optimizers.AdamW(ADAMW_LR, weight_decay=ADAMW_DECAY)
    else:
        optimizer = keras.optimizers.SGD(SGD_LR, MOMENTUM, nesterov=True, weight_decay=SGD_DECAY)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return model


def _source(task: Task, *, equal: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if task.network == "mlp":
        inputs, labels = digits()  # arrays in memory are what Keras documents, and faster than a generator
        return (inputs.numpy(), labels.numpy()), {"batch_size": task.batch}
    if equal:
        return (image_stream(task),), {}
    return (DataLoader(ImageFolder(task), task.batch, shuffle=True, num_workers=WORKERS, persistent_workers=True),), {}
