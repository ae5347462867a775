from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def noise() -> Callable[..., Image.Image]:
    """Images that all differ: `noise(seed, width, height, mode)`."""

    def make(seed: int, width: int = 16, height: int = 16, mode: str = "RGB") -> Image.Image:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        return Image.fromarray(pixels).convert(mode)

    return make


@pytest.fixture
def folder(tmp_path: Path, noise: Callable[..., Image.Image]) -> Callable[..., Path]:
    """Makes a folder of PNGs: `folder({"ants": 10, "bees": 8})`, below `root/part` where a part is named."""

    def make(counts: dict[str, int], part: str = "", seed: int = 0, name: str = "photos") -> Path:
        root = tmp_path / name
        for k, (label, count) in enumerate(counts.items()):
            place = root / part / label
            place.mkdir(parents=True)
            for i in range(count):
                noise(seed + 1000 * k + i).save(place / f"{i:03}.png")
        return root

    return make
