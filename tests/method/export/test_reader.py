"""`read.py` of an exported folder: files become what they are in training, without Trainwell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainwell.data.images import Fit, Frame, read_image, read_photo
from trainwell.data.photos import Photos
from trainwell.errors import BadData
from trainwell.method.export.reader import reader

from .strange import save_strange_files


def read_of(channels: int, fit: Fit, short_side: int | None) -> Callable[[Path], np.ndarray]:
    """`read` of a `read.py` for images of 24 x 24."""
    decoding = {"size": [24, 24], "channels": channels, "fit": fit, "short_side": short_side}
    code = reader({"kind": "images", "decoding": decoding, "classes": ["a", "b"]})
    assert code is not None
    space: dict[str, Any] = {}
    exec(code, space)
    read: Callable[[Path], np.ndarray] = space["read"]
    return read


@pytest.mark.parametrize(
    ("channels", "fit", "short_side"), [(3, "crop", None), (1, "crop", None), (3, "letterbox", None)]
)
def test_read_py_gives_the_same_pixels(tmp_path: Path, channels: int, fit: Fit, short_side: int | None) -> None:
    read = read_of(channels, fit, short_side)
    for path in save_strange_files(tmp_path):
        expected = read_image(path, Frame(24, 24, channels, fit)).pixels
        assert np.array_equal(read(path), expected), path.name


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_read_py_gives_nearly_the_same_pixels_of_photos_kept_whole(tmp_path: Path, fit: Fit) -> None:
    read = read_of(3, fit, 40)
    for path in save_strange_files(tmp_path):
        expected = Photos.of([read_photo(path, 40, 3, fit).pixels], side=24)[0]
        apart = np.abs(read(path).astype(int) - expected)
        assert apart.max() <= 2, path.name  # torch and Pillow round the last resize in their own ways


def test_read_py_refuses_what_predict_refuses(tmp_path: Path) -> None:
    Image.fromarray(np.ones((5, 5), np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(ValueError, match="floating-point pixels"):
        read_of(3, "crop", None)(tmp_path / "depth.tif")
    with pytest.raises(BadData, match="floating-point pixels"):
        read_image(tmp_path / "depth.tif", Frame(24, 24, 3))
