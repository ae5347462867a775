"""Image files of all kinds that are read."""

from pathlib import Path

import numpy as np
from PIL import Image


def strange_files() -> dict[str, Image.Image]:
    """Images of all kinds that are read, by file name."""
    draws = np.random.default_rng(0)
    colours = draws.integers(0, 256, (90, 130, 4), dtype=np.uint8)
    smooth = Image.fromarray(colours[..., :3]).resize((13, 9)).resize((260, 180))
    return {
        "large.jpg": smooth,
        "turned.jpg": smooth,
        "large.png": smooth,
        "clear.png": Image.fromarray(colours),
        "grey.png": smooth.convert("L"),
        "palette.gif": smooth.convert("P"),
        "deep.png": Image.fromarray(draws.integers(0, 65536, (20, 30), dtype=np.uint16)),
        "tiny.png": smooth.resize((7, 5)),
        "long.png": smooth.resize((300, 20)),
        "odd.png": smooth.resize((67, 61)),
        "panorama.png": smooth.resize((301, 62)),
    }


def turned() -> Image.Exif:
    """EXIF of a photo taken with the camera on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def save_strange_files(folder: Path) -> list[Path]:
    """Write all of them into a folder; the one that is called so lies on its side."""
    paths = []
    for name, image in strange_files().items():
        paths.append(folder / name)
        if "turned" in name:
            image.save(paths[-1], exif=turned())
        else:
            image.save(paths[-1])
    return paths
