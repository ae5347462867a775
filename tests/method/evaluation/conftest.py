"""Photos of many sizes with two classes, and two runs on them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainwell import Options, Run, fit
from trainwell.method.screen import Silent

EDITS = ("epochs=2", "model=mlp", "model.widths=8", "augment=none", "views=one", "precision=fp32", "schedule=constant")


class Said(Silent):
    """A screen that remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise, a little brighter above or below; train, valid and test."""
    root = tmp_path_factory.mktemp("photos")
    draws = np.random.default_rng(0)
    for part, count in (("train", 60), ("valid", 24), ("test", 30)):
        for number in range(count):
            name = ("above", "below")[number % 2]
            factor = draws.integers(1, 3)  # a short side of 24 or 48, and a ratio that stays as it is at 24
            height, width = draws.permutation([24 * factor, factor * draws.integers(24, 40)])
            pixels = draws.integers(0, 220, (height, width, 3))
            half = slice(0, height // 2) if name == "above" else slice(height // 2, height)
            pixels[half] += 12
            folder = root / part / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="session")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "small"
    return fit(photos, [*EDITS, "image_size=16"], out=out, options=Options(checks=False))


@pytest.fixture(scope="session")
def other(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of another size, and another seed."""
    out = tmp_path_factory.mktemp("runs") / "larger"
    return fit(photos, [*EDITS, "image_size=20", "seed=1"], out=out, options=Options(checks=False))
