"""`inputs.png`: what the network sees, a grid of preprocessed and augmented samples."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from trainwell.record import INPUTS, RunFolder, replace
from trainwell.training.setup import Setup

_COLUMNS, _ROWS, _GAP, _LEAST_SIDE = 12, 4, 2, 64


def inputs_picture(setup: Setup, folder: RunFolder) -> Path | None:
    """Write the picture; None where the network is not given images.

    The upper half shows samples as they are at test time, the lower half the same batch augmented, where anything is.
    Each picture is what the network is given, brought back to grey values by one scale for all: preprocessing shows,
    nothing is beautified.
    """
    feed = setup.feeds["train"]
    if setup.data.kind != "images" or feed.clean(0)[0].dim() != 4:  # a projection makes rows of images
        return None
    batches = (feed.clean(0), feed.batch(0)) if setup.recipe.augment else (feed.clean(0),)
    shown = torch.cat([_padded(x, _COLUMNS * _ROWS // 2) for x, _ in batches]).float().cpu()
    low, high = torch.quantile(shown.flatten()[: 2**23], 0.005), torch.quantile(shown.flatten()[: 2**23], 0.995)
    pixels = ((shown - low) / (high - low).clamp(min=1e-6) * 255).clamp(0, 255).to(torch.uint8)
    zoom = max(1, _LEAST_SIDE // max(pixels.shape[2:]))
    pixels = pixels.repeat_interleave(zoom, 2).repeat_interleave(zoom, 3)
    sheet = Image.fromarray(_grid(pixels).numpy())
    replace(folder.path / INPUTS, lambda path: sheet.save(path, format="PNG"))
    return folder.path / INPUTS


def _padded(x: Tensor, count: int) -> Tensor:
    """The first `count` images, repeated where there are fewer."""
    return x[torch.arange(count) % len(x)]


def _grid(pixels: Tensor) -> Tensor:
    count, channels, height, width = pixels.shape
    colours = pixels.permute(0, 2, 3, 1)
    colours = colours[..., :3] if channels >= 3 else colours[..., :1].expand(-1, -1, -1, 3)
    rows = -(-count // _COLUMNS)
    sheet = torch.full((rows * (height + _GAP) + _GAP, _COLUMNS * (width + _GAP) + _GAP, 3), 255, dtype=torch.uint8)
    for place in range(count):
        top = _GAP + place // _COLUMNS * (height + _GAP)
        left = _GAP + place % _COLUMNS * (width + _GAP)
        sheet[top : top + height, left : left + width] = colours[place]
    return sheet
