"""Speed of augmentations, one by one and as policies: Trainwell and kornia, by turns in one run.

    python benchmarks/augmentation.py [--only NAME ...] [--device cuda] [--turns 7] [--threads 1] [--quick]

Both begin with a batch of images in memory and end with the same thing: float32 values, standardised, as (N, C, H, W),
with a draw for each image. Trainwell begins with bytes, (N, H, W, C), as it stores them. kornia begins with floats in
0..1, (N, C, H, W), as it wants them ("kornia"); and, as stored images are bytes, once more with the conversion
("kornia, from bytes"). `rivals` says what kornia is asked for, and NOTES where it does less or something else. Its
RandAugment and TrivialAugment draw their operations once for a batch; "kornia, image by image" calls them on one image
at a time, which gives each its own draw.

A turn repeats one program for some time, then the next; a ratio is the median over the turns of (images a second /
kornia's) within a turn. Results go to results/augmentation.json; `tables.py` writes them into the README.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from machine import cores, describe, keep_memory
from throughput import ratios
from trainwell.augmentations import augmentations
from trainwell.data.augment import Augmenter
from trainwell.draws import Draws
from trainwell.preprocessing import Affine

RESULTS = Path(__file__).parent / "results" / "augmentation.json"
REFERENCE = "kornia"
ONE_BY_ONE = "kornia, image by image"
CLASSES = 10
DRAWN_STEPS = 40  # a turn of a policy: each of its 15 operations comes up a few times
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as everybody writes them


class Setting(NamedTuple):
    """A size of images and how many of them make a batch."""

    side: int
    batch: int


SETTINGS = {"32": Setting(side=32, batch=512), "224": Setting(side=224, batch=32)}

# What Trainwell is asked for: members of the family, in order.
OURS: dict[str, list[Any]] = {name: [name] for name in augmentations.names} | {
    "flip, crop, color_jitter, cutout": ["flip", "crop", "color_jitter", "cutout"],
    "resized_crop, flip, color_jitter": ["resized_crop", "flip", "color_jitter"],
}
DRAWN_ONCE = ("randaugment", "trivialaugment")  # for a batch, by kornia
POLICIES = ["flip, crop, color_jitter, cutout", "resized_crop, flip, color_jitter", *DRAWN_ONCE]

NOTES = {
    "resized_crop": "kornia does not filter what it shrinks",
    "scale_jitter": "as resized_crop with one ratio",
    "lens_distortion": "RandomFisheye, the nearest there is",
    "pca_color": "RandomRGBShift, the nearest there is",
    "crop": "the faster of its two ways of cropping",
    "cutout": "RandomErasing",
    "mixup": "one pair of labels and a share instead of a distribution",
    "cutmix": "one pair of labels and a share instead of a distribution",
    "randaugment": "kornia draws its operations once for a batch",
    "trivialaugment": "kornia draws its operation once for a batch",
}


def rivals(side: int) -> dict[str, list[str]]:
    """What kornia is asked for, as it is written in Python with `K` for `kornia.augmentation`."""
    pad = max(1, round(0.0625 * side))
    flip = "K.RandomHorizontalFlip(p=0.5)"
    crop = f"K.RandomCrop(({side}, {side}), padding={pad}, padding_mode='reflect', cropping_mode='MODE')"
    resized = f"K.RandomResizedCrop(({side}, {side}), scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), cropping_mode='MODE')"
    # Windows of 224 / 480 to 224 / 256 of the side; kornia wants shares of the area.
    scale = f"scale=({(224 / 480) ** 2:.4f}, {(224 / 256) ** 2:.4f}), ratio=(1.0, 1.0), cropping_mode='MODE')"
    jitter = "K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=1.0)"
    cutout = "K.RandomErasing(scale=(0.14, 0.141), ratio=(0.99, 1.01), p=1.0)"  # 0.375 of the side
    lens = "torch.tensor([-0.3, 0.3])"
    return {
        "flip": [flip],
        "vflip": ["K.RandomVerticalFlip(p=0.5)"],
        "crop": [crop],
        "resized_crop": [resized],
        "scale_jitter": [f"K.RandomResizedCrop(({side}, {side}), {scale}"],
        "rotate": ["K.RandomRotation(15.0, p=1.0)"],
        "affine": ["K.RandomAffine(15.0, (0.1, 0.1), (0.85, 1.15), (-10.0, 10.0), padding_mode='reflection', p=1.0)"],
        "perspective": ["K.RandomPerspective(0.4, p=1.0)"],
        "lens_distortion": [f"K.RandomFisheye({lens}, {lens}, torch.tensor([0.9, 1.1]), p=1.0)"],
        "color_jitter": [jitter],
        "pca_color": ["K.RandomRGBShift(0.1, 0.1, 0.1, p=1.0)"],
        "noise": ["K.RandomGaussianNoise(0.0, 0.04, p=1.0)"],
        "cutout": [cutout],
        "mixup": ["K.RandomMixUpV2(p=1.0, data_keys=['input', 'class'])"],
        "cutmix": ["K.RandomCutMixV2(p=1.0, data_keys=['input', 'class'], use_correct_lambda=True)"],
        "randaugment": ["RandAugment(n=2, m=9)"],
        "trivialaugment": ["TrivialAugment()"],
        "flip, crop, color_jitter, cutout": [flip, crop, jitter, cutout],
        "resized_crop, flip, color_jitter": [resized, flip, jitter],
    }


class Batch:
    """The same images and labels for all, in the form that each program wants."""

    def __init__(self, setting: Setting, seed: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(seed)
        coarse = (
            torch.rand(setting.batch, 3, 8, 8, generator=generator) * 255
        )  # smooth, as photos are, and full of colour
        smooth = torch.nn.functional.interpolate(coarse, size=setting.side, mode="bicubic")
        self.stored = smooth.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().to(device)
        self.floats = self.from_bytes()
        self.labels = torch.arange(setting.batch, device=device) % CLASSES
        mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, STD))
        self._factor, self._offset = 1 / std, -mean / std

    def from_bytes(self) -> Tensor:
        """Floats in 0..1, (N, C, H, W)."""
        planes = self.stored.permute(0, 3, 1, 2)
        return planes.to(torch.float32, memory_format=torch.contiguous_format).div_(255)

    def alone(self, i: int) -> "Batch":
        """The image `i` as a batch of one."""
        one = copy.copy(self)
        one.stored, one.floats, one.labels = self.stored[i : i + 1], self.floats[i : i + 1], self.labels[i : i + 1]
        return one

    def standardised(self, x: Tensor) -> Tensor:
        """In one pass."""
        return torch.addcmul(self._offset, x, self._factor)


Step = Callable[[], tuple[Tensor, Any]]


def ours(parts: Sequence[Any], batch: Batch, setting: Setting) -> Step:
    """The path of a training batch in `trainwell fit`, from the stored images on."""
    device = batch.stored.device
    prepare = Affine(np.array(MEAN), np.array(STD), unit=255.0)
    covariance = torch.cov(batch.stored.reshape(-1, 3)[:100_000].T.float()).cpu()
    made = [augmentations.part(part) for part in parts]
    fill = torch.tensor(MEAN) * 255
    augmenter = Augmenter(made, (setting.side, setting.side), fill=fill, covariance=covariance)
    indices, epoch = np.arange(setting.batch), -1

    def step() -> tuple[Tensor, Any]:
        nonlocal epoch
        epoch += 1
        augmenter.draw(Draws(0, np.full(setting.batch, epoch), indices))
        x = prepare.apply(augmenter.pixels(batch.stored).to(device, torch.float32)).permute(0, 3, 1, 2)
        return augmenter.mix(x, batch.labels, CLASSES)

    return step


def kornia(words: Sequence[str], batch: Batch, *, from_bytes: bool) -> Step:
    """The same with kornia's transforms, of which each crop takes its faster way."""
    ways = [kornia_step(words, mode, batch, from_bytes) for mode in ("slice", "resample")]
    return min(ways[: 2 if any("MODE" in word for word in words) else 1], key=seconds_of)


def kornia_step(words: Sequence[str], mode: str, batch: Batch, from_bytes: bool) -> Step:
    """One step, with the cropping mode filled in."""
    import kornia.augmentation as K
    from kornia.augmentation.auto import RandAugment, TrivialAugment

    known = {"K": K, "torch": torch, "RandAugment": RandAugment, "TrivialAugment": TrivialAugment}
    made = [eval(word.replace("MODE", mode), known) for word in words]
    mixes = any("class" in word for word in words)
    transform = made[0] if len(made) == 1 else K.AugmentationSequential(*made, data_keys=["input"])
    # Without a type, kornia 0.8 asks for whole random numbers, which torch refuses.
    transform = transform.to(batch.stored.device, torch.float32)

    def step() -> tuple[Tensor, Any]:
        x = batch.from_bytes() if from_bytes else batch.floats
        if mixes:
            x, labels = transform(x, batch.labels)
            return batch.standardised(x), labels
        return batch.standardised(transform(x)), batch.labels

    return step


def one_by_one(words: Sequence[str], batch: Batch) -> Step:
    """The same, called on one image at a time."""
    singles = [batch.alone(i) for i in range(len(batch.labels))]
    steps = [kornia_step(words, "", single, False) for single in singles]

    def step() -> tuple[Tensor, Any]:
        return torch.cat([one()[0] for one in steps]), batch.labels

    return step


def finish() -> None:
    """Wait for what was asked of a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds_of(step: Step, repeats: int = 1) -> float:
    """Seconds of one step; the first one is not counted."""
    step()
    finish()
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    finish()
    return (time.perf_counter() - start) / repeats


def measure(name: str, setting: Setting, arguments: argparse.Namespace) -> dict[str, Any]:
    """Images a second of each program in each turn."""
    batch = Batch(setting, arguments.seed, torch.device(arguments.device))
    steps = {"trainwell": ours(OURS[name], batch, setting)}
    words = rivals(setting.side).get(name)
    if words is not None and not arguments.alone:
        steps |= {"kornia": kornia(words, batch, from_bytes=False)}
        steps |= {"kornia, from bytes": kornia(words, batch, from_bytes=True)}
        if name in DRAWN_ONCE:
            steps[ONE_BY_ONE] = one_by_one(words, batch)
    turns: dict[str, list[float]] = {program: [] for program in steps}
    repeats = {program: max(1, round(arguments.seconds / seconds_of(step))) for program, step in steps.items()}
    if name in DRAWN_ONCE and not arguments.quick:
        # What is drawn once for a batch costs more in one batch than in the next.
        repeats = {program: max(DRAWN_STEPS, times) for program, times in repeats.items()}
        if "kornia" in steps:
            repeats[ONE_BY_ONE] = 1
    for turn in range(arguments.turns):
        for program, step in steps.items():
            torch.manual_seed(arguments.seed + turn)
            turns[program].append(round(setting.batch / seconds_of(step, repeats[program]), 1))
    return {
        "turns": turns,
        "medians": {program: statistics.median(values) for program, values in turns.items()},
        "ratios": ratios(turns, REFERENCE),
        "rival": [word.replace(", cropping_mode='MODE'", "") for word in words or []],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=OURS, help="some of them; nothing is written")
    parser.add_argument("--sizes", nargs="+", choices=SETTINGS, default=list(SETTINGS), help="side of the images")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each program in a turn")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one short turn of small batches; nothing is written")
    parser.add_argument("--alone", action="store_true", help="without the rivals; nothing is written")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_memory()
    if arguments.quick:
        arguments.turns, arguments.seconds = 1, 0.0
    results: dict[str, Any] = {
        "machine": describe("numpy", "kornia"),
        "settings": {
            "turns": arguments.turns,
            "seconds": arguments.seconds,
            "threads": arguments.threads,
            "seed": arguments.seed,
            "device": arguments.device,
            "batch": {size: SETTINGS[size].batch for size in arguments.sizes},
        },
        "policies": POLICIES,
        "notes": NOTES,
        "reference": REFERENCE,
        "sizes": {},
    }
    for size in arguments.sizes:
        setting = SETTINGS[size]._replace(batch=8) if arguments.quick else SETTINGS[size]
        found = {name: measure(name, setting, arguments) for name in arguments.only or OURS}
        results["sizes"][size] = found
        for name, one in found.items():
            for program, median in one["medians"].items():
                ratio = one["ratios"].get(program)
                said = "" if ratio is None else f"{ratio:7.2f} x {REFERENCE}"
                print(f"{size:>4} {name:34} {program:20} {median:11,.0f} images/s {said}", flush=True)
    if not (arguments.only or arguments.quick or arguments.alone or arguments.sizes != list(SETTINGS)):
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
