"""Squares cut out of stored images: a box of each image, scaled to one side."""

import functools
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from trainwell.data.photos import Photos

_WORTH_A_THREAD = 8  # squares: some 100 microseconds each, beside 100 to hand them over


def cut(
    images: "np.ndarray | Photos", rows: np.ndarray, boxes: np.ndarray, side: int, *, mirrored: np.ndarray | None = None
) -> Tensor:
    """Cut a box out of each image and scale it to a square, bilinear with antialias.

    Images are taken one by one, so that a result depends neither on the others of its batch nor on the number of
    threads. A box of `side` x `side` pixels is copied as it is.

    Args:
        images: uint8 (N, H, W, C), or photos of many sizes.
        rows: Which images, (n,) int64.
        boxes: top, left, bottom, right in stored pixels of each image, (n, 4) float64, within it; a box is moved to
            whole pixels and is at least one pixel wide.
        side: Side of the squares in pixels.
        mirrored: Which squares to mirror left and right, (n,) bool; None for none.

    Returns:
        Squares, (n, side, side, C) uint8, on the CPU.
    """
    out = torch.empty(len(rows), side, side, images.shape[3], dtype=torch.uint8)
    stored = np.asarray(images).__getitem__ if isinstance(images, np.ndarray) else images.stored
    edges = np.concatenate(_whole(boxes), axis=1)

    def fill(first: int, past: int) -> None:
        # By NumPy but for the scaling: in a thread, copies by torch would each start threads of their own.
        squares = out.numpy()[first:past]
        for square, row, (top, left, height, width) in zip(
            squares, rows[first:past].tolist(), edges[first:past].tolist(), strict=True
        ):
            image = stored(row)
            top, left = max(0, min(top, image.shape[0] - height)), max(0, min(left, image.shape[1] - width))
            square[:] = scaled(image[top : top + height, left : left + width], side, side)

    num = min(torch.get_num_threads(), len(rows) // _WORTH_A_THREAD)
    if num < 2:
        fill(0, len(rows))
    else:
        ends = np.linspace(0, len(rows), num + 1).astype(int).tolist()
        list(_pool(num).map(fill, ends[:-1], ends[1:]))
    for place in [] if mirrored is None else np.flatnonzero(mirrored).tolist():
        out[place] = out[place].flip(1)
    return out


def middle(heights: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The box of the largest square in the middle of each image, (n, 4) float64.

    Args:
        heights: In stored pixels, (n,).
        widths: In stored pixels, (n,).
    """
    short = np.minimum(heights, widths)
    top, left = (heights - short) / 2, (widths - short) / 2
    return np.stack((top, left, top + short, left + short), axis=1)


def scaled(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image, uint8 (H, W, C), at another size, bilinear with antialias; itself where it has that size.

    It gives what Pillow gives, but for the last bit, 5 to 10 times as fast.
    """
    if image.shape[:2] == (height, width):
        return image
    planes = torch.from_numpy(image.copy())[None].permute(0, 3, 1, 2)  # channels last, for which there is a byte kernel
    found = functional.interpolate(planes, (height, width), mode="bilinear", antialias=True)
    pixels: np.ndarray = found[0].permute(1, 2, 0).numpy()
    return pixels


def tensor_of(images: np.ndarray) -> Tensor:
    """The array as a tensor on the same memory, also where it is a read-only map, for what only reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(images)


@functools.cache
def _pool(num: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(num, "cut")


def _whole(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row and column, and height and width, of the boxes in whole pixels, (n, 2) int64; squares stay squares."""
    extent = np.maximum(1, np.rint(boxes[:, 2:] - boxes[:, :2]))
    return np.floor(boxes[:, :2] + 0.5).astype(np.int64), extent.astype(np.int64)
