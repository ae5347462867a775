"""A picture of each augmentation: rows are images, columns are draws, the first column is the image as it is.

    python benchmarks/pictures.py OUT IMAGES [--side 224] [--only NAME ...]

IMAGES is a folder of JPEG or PNG files, at any depth; each is cropped to a square and scaled. Writes OUT/NAME.png.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from augmentation import OURS
from trainwell.augmentations import augmentations
from trainwell.data.augment import Augmenter
from trainwell.draws import Draws

GAP = 2  # pixels of white between two images
WIDEST = 1600  # pixels of a picture: small images are enlarged by whole factors up to it


def read(folder: Path, count: int, side: int) -> Tensor:
    """Images spread over the files of a folder, (N, side, side, 3) uint8."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise SystemExit(f"There is no JPEG or PNG file in {folder}.")
    chosen = [files[i * len(files) // count] for i in range(count)]
    return torch.stack([square(path, side) for path in chosen])


def square(path: Path, side: int) -> Tensor:
    """The middle of an image, scaled."""
    with Image.open(path) as image:
        return torch.from_numpy(np.array(ImageOps.fit(image.convert("RGB"), (side, side))))


def grid(name: str, images: Tensor, columns: int, seed: int) -> Image.Image:
    """Each image as it is and as it is drawn in some epochs."""
    num, side = images.shape[:2]
    pixels = images.reshape(-1, 3).float()
    augmenter = Augmenter(
        [augmentations.part(part) for part in OURS[name]],
        (side, side),
        fill=pixels.mean(0),
        covariance=torch.cov(pixels.T),
    )
    shown = [images]
    for epoch in range(columns - 1):
        augmenter.draw(Draws(seed, np.full(num, epoch), np.arange(num)))
        x = augmenter.pixels(images).float().permute(0, 3, 1, 2)
        x, _ = augmenter.mix(x, torch.zeros(num, dtype=torch.int64), 1)
        shown.append(x.permute(0, 2, 3, 1).round().to(torch.uint8))
    padded = torch.nn.functional.pad(torch.stack(shown, dim=1), (0, 0, 0, GAP, 0, GAP), value=255)
    sheet = padded.permute(0, 2, 1, 3, 4).reshape(num * (side + GAP), columns * (side + GAP), 3)
    picture = Image.fromarray(sheet.numpy())
    factor = max(1, WIDEST // picture.width)
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("images", type=Path, help="folder of images")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=OURS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    images = read(arguments.images, arguments.rows, arguments.side)
    for name in arguments.only or OURS:
        path = arguments.out / f"{name.replace(', ', '+')}.png"
        grid(name, images, arguments.columns, arguments.seed).save(path)
        print(path)


if __name__ == "__main__":
    main()
