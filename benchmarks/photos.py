"""Speed of reading photos: Trainwell, and a torch DataLoader that reads them with Pillow, by turns in one run.

    python benchmarks/photos.py FOLDER [--turns 3] [--epochs 3] [--photos 1200] [--workers 1 2]

FOLDER holds photos, at any depth; JPEG files of about 500 x 375 are made of them in a temporary folder, each photo cut
and mirrored in several ways until there are enough. Both programs end with the same thing: batches of random resized
crops with flips, 224 x 224, float32, standardised, (N, C, H, W) in channels-last memory. The first epoch of Trainwell
reads, scales, checks and stores the files; the DataLoader decodes in every epoch. Its samples are bytes when they leave
the workers and are standardised as a batch, which is the faster way; its workers persist; the best number of workers
counts, for each kind of epoch. Pillow decodes at reduced scale where the crop allows it.

A turn is a fresh start of one program, with its first epoch and some later ones, then the other's; a ratio is the
median over the turns. Imports do not count. Results go to results/photos.json; `tables.py` writes them into the README.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from machine import cores, describe, keep_memory
from trainwell.augmentations import augmentations
from trainwell.data.augment import Augmenter
from trainwell.data.batches import Feed, source_of
from trainwell.data.open import open_data
from trainwell.preprocessing import Affine

RESULTS = Path(__file__).parent / "results" / "photos.json"
SIDE, BATCH, QUALITY = 224, 64, 90
WIDTH, HEIGHT = 500, 375
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as everybody writes them
ENLARGED = 256 / 224
OURS, THEIRS = "trainwell", "DataLoader"
Epochs = Iterator[Callable[[], int]]


def make_photos(folder: Path, into: Path, count: int) -> None:
    """Write `count` JPEG files of about WIDTH x HEIGHT, in two class folders."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise SystemExit(f"{folder} holds no photos: expected .jpg or .png files.")
    rng = np.random.default_rng(0)
    for number in range(count):
        place = into / ("even", "odd")[number % 2] / f"{number:05}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(files[number % len(files)]) as image:
            photo = ImageOps.exif_transpose(image).convert("RGB")
        left, top = rng.uniform(0, 0.1, 2)
        box = (left * photo.width, top * photo.height, (left + 0.9) * photo.width, (top + 0.9) * photo.height)
        long = WIDTH + int(rng.integers(-20, 21))
        size = (long, HEIGHT) if photo.width >= photo.height else (HEIGHT, long)
        photo = photo.resize(size, Image.Resampling.BICUBIC, box=box)
        photo = ImageOps.mirror(photo) if number // len(files) % 2 else photo
        photo.save(place, quality=QUALITY)


class Crops(Dataset[Tensor]):
    """Random resized crops by Pillow, as bytes, (SIDE, SIDE, 3)."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self._files[index]) as image:
            left, top, width, height = crop_box(*image.size)
            whole = image.size
            image.draft("RGB", (math.ceil(whole[0] * SIDE / width), math.ceil(whole[1] * SIDE / height)))
            across, down = image.width / whole[0], image.height / whole[1]
            box = (left * across, top * down, (left + width) * across, (top + height) * down)
            crop = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)
        if torch.rand(()) < 0.5:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.array(crop))


def crop_box(width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of a random resized crop, drawn as torchvision draws it."""
    for _ in range(10):
        area = float(torch.empty(()).uniform_(0.08, 1)) * width * height
        ratio = math.exp(float(torch.empty(()).uniform_(math.log(3 / 4), math.log(4 / 3))))
        wide, tall = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < tall <= height:
            left, top = int(torch.randint(width - wide + 1, ())), int(torch.randint(height - tall + 1, ()))
            return left, top, wide, tall
    wide, tall = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    return (width - wide) // 2, (height - tall) // 2, wide, tall


def with_loader(folder: Path, workers: int) -> Epochs:
    """Epochs of the DataLoader; each says how many photos it gave."""
    mean, std = torch.tensor(MEAN) * 255, torch.tensor(STD) * 255
    loader = DataLoader(
        Crops(sorted(folder.rglob("*.jpg"))), BATCH, shuffle=True, num_workers=workers, persistent_workers=True
    )

    def epoch() -> int:
        return sum(len(((batch - mean) / std).permute(0, 3, 1, 2)) for batch in loader)

    while True:
        yield epoch


def with_trainwell(folder: Path, cache: Path) -> Epochs:
    """Epochs of Trainwell; the first one reads the files."""
    feeds: list[Feed] = []

    def first() -> int:
        data = open_data(folder, parts="all", image_size=SIDE, enlarged=ENLARGED, cache=cache)
        augmenter = Augmenter([augmentations.part("resized_crop"), augmentations.part("flip")], (SIDE, SIDE))
        prepare = Affine(np.array(MEAN), np.array(STD), 255.0)
        rows, device = data.splits["all"], torch.device("cpu")
        options: dict[str, Any] = {"num_classes": 2, "device": device, "batch_size": BATCH, "seed": 0}
        feeds.append(
            Feed(source_of(data.x), data.y, rows, images=True, prepare=prepare, augmenter=augmenter, **options)
        )
        return epoch(0)

    def epoch(number: int) -> int:
        steps = math.ceil(len(feeds[0]) / BATCH)
        return sum(len(feeds[0].batch(step)[0]) for step in range(number * steps, (number + 1) * steps))

    yield first
    number = 0
    while True:
        number += 1
        yield lambda number=number: epoch(number)  # type: ignore[misc]


def rates(epochs: Epochs, later: int) -> dict[str, float]:
    """Photos a second in the first epoch and, the median, in the later ones."""
    found = []
    for _ in range(1 + later):
        epoch = next(epochs)
        start = time.perf_counter()
        count = epoch()
        found.append(count / (time.perf_counter() - start))
    return {"first": found[0], "later": statistics.median(found[1:])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="later epochs a turn")
    parser.add_argument("--photos", type=int, default=1200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=cores())
    arguments = parser.parse_args()
    keep_memory()
    torch.set_num_threads(arguments.threads)
    turns: list[dict[str, dict[str, float]]] = []
    with tempfile.TemporaryDirectory() as room:
        photos = Path(room) / "photos"
        make_photos(arguments.folder, photos, arguments.photos)
        for turn in range(arguments.turns):
            found = {OURS: rates(with_trainwell(photos, Path(room) / f"cache{turn}"), arguments.epochs)}
            for workers in arguments.workers:
                found[f"{THEIRS}, {workers} workers"] = rates(with_loader(photos, workers), arguments.epochs)
            turns.append(found)
            print({name: {kind: round(rate) for kind, rate in one.items()} for name, one in found.items()}, flush=True)
    ratios = {
        kind: statistics.median(
            turn[OURS][kind] / max(one[kind] for name, one in turn.items() if name != OURS) for turn in turns
        )
        for kind in ("first", "later")
    }
    settings = {name: value for name, value in vars(arguments).items() if name != "folder"}
    settings |= {"side": SIDE, "batch": BATCH, "size": [WIDTH, HEIGHT]}
    result = {"machine": describe("pillow", "numpy"), "settings": settings, "turns": turns, "ratios": ratios}
    print({kind: round(ratio, 2) for kind, ratio in ratios.items()})
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
