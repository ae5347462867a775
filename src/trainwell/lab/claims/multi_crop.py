"""Averaging over several crops, scales and mirror images of each image at test time."""

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.datasets import load_sample_images

from trainwell.data.cut import scaled
from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.data.views import Views
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import spread
from trainwell.lab.training import CPU, built_in, course_of, plain_recipe
from trainwell.models import models
from trainwell.report.charts.bars import Bar, bars
from trainwell.training.evaluate import predicted
from trainwell.training.setup import set_up

_SIDE, _SCALES = 16, (16, 19, 22)
_TILES, _EACH, _VALIDATE = (2, 4), 40, 20  # tiles of a photo, patches of each
_PATCH = 40  # side of a patch in the photo
_DIGITS, _DIGIT_SIZES = 600, (8, 13)
_CENTRE = "centre crop"
_WAYS = {
    _CENTRE: Views(1, (19,)),
    "and its mirror image": Views(1, (19,), flips=True),
    "5 crops": Views(5, (19,)),
    "10 crops": Views(10, (19,)),
    "10 crops, 3 scales": Views(10, _SCALES),
    "whole image": Views(1, (16,)),
}
_CLAIMED = ("10 crops", "10 crops, 3 scales")
_SETS = ("photo patches", "digits in a field")


@claims.add
class MultiCrop(Claim):
    """The validation accuracy of the centre crop and of averages over views."""

    id = "multi-crop"
    chapter = "method"
    statement = "Averaging predictions over scales, crops and mirror images beats the centre crop alone."
    why = "Each view errs in its own way, and together they see more of the image than its middle."
    question = "How much higher is the validation accuracy with ten crops, and with ten crops at three scales?"
    set_up = (
        "Two image sets of 16 x 16 that are made without a download. Photo patches: patches of 40 x 40 scaled to 16, "
        "from the two sample photos of scikit-learn, to be told by which of 16 tiles they come from, validated on "
        "another part of each tile. Digits in a field: digits scaled to 8 to 12 pixels at a random place of a grey "
        "noisy field. A small LeNet trained on random crops of half of the area and more, mirrored at random. The "
        "centre crop is the middle 16 of the image scaled to 19; ten crops are its corners and middle with their "
        "mirror images; three scales are 16, 19 and 22. Guessing gives 6 % of the patches and 10 % of the digits."
    )
    mark = (
        "Holds if on both sets ten crops, and ten crops at three scales, are above the centre crop in accuracy, on "
        "average by two standard errors over the seeds. In part if some of the four. Else it does not hold."
    )
    source = "Krizhevsky et al., 2012, section 4.1; He et al., 2015, https://arxiv.org/abs/1512.03385, section 3.4"
    num_seeds = (5, 3)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Accuracies, set by set, way by way."""
        epochs = 12 if quick else 24
        found = {}
        for name in _SETS:
            runs = [_accuracies(name, epochs, seed) for seed in seeds]
            found[name] = {way: [run[way] for run in runs] for way in _WAYS}
        return {"found": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the gains over the centre crop."""
        clear, parts, texts = [], [], []
        for name, found in numbers["found"].items():
            told = []
            for way, values in found.items():
                if way == _CENTRE:
                    continue
                gains = [(a - b) * 100 for a, b in zip(values, found[_CENTRE], strict=True)]
                if way in _CLAIMED:
                    parts.append(statistics.fmean(gains) > 2 * statistics.stdev(gains) / math.sqrt(len(gains)))
                    if parts[-1]:
                        clear.append(f"{way} on {name}")
                told.append(f"{way} {spread(gains, '+.1f')}")
            texts.append(f"{name}, points above the centre crop's {spread(found[_CENTRE], '.1%')}: {', '.join(told)}.")
        told_of = " ".join(text[0].upper() + text[1:] for text in texts)
        return by_parts(parts, f"Clearly above the centre crop: {'; '.join(clear) or 'neither'}. {told_of}")

    def figure(self, numbers: Numbers) -> str:
        """The accuracies."""
        rows = []
        for colour, (name, found) in enumerate(numbers["found"].items(), start=1):
            for way, values in found.items():
                mean = statistics.fmean(values)
                words = f"{name.split()[0]}: {way}"
                rows.append(Bar(words, mean, (min(values), max(values)), f"{mean:.1%}", colour))
        return bars(
            "One crop, and averages over several",
            "Validation accuracy by what the predictions are averaged over, on patches of photos and on digits: mean "
            "and range over the seeds.",
            rows,
            x_label="validation accuracy",
        )


def _accuracies(name: str, epochs: int, seed: int) -> dict[str, float]:
    """Train, and score each way to look at the validation images."""
    data = _patches() if name == "photo patches" else _fields()
    recipe = plain_recipe(
        model=models.part("lenet", activation="relu", pooling="max"),
        optimizer={"name": "adam", "lr": 3e-3},
        schedule="cosine",
        augment=[{"name": "resized_crop", "min_area": 0.5}, "flip"],
        batch_size=32,
        epochs=epochs,
        seed=seed,
    )
    setup = set_up(data, recipe, CPU.device)
    network = course_of(replace(setup, feeds={"train": setup.feeds["train"]})).model
    rows = data.splits["valid"]
    found = {}
    for way, views in _WAYS.items():
        said = predicted(network, data.x, rows, CPU, prepare=setup.fitted, views=views, side=_SIDE, classes=True)
        found[way] = float((said.argmax(1).numpy() == data.y[rows]).mean())
    return found


@functools.cache
def _patches() -> Data:
    """Patches of two photos, each class a tile; those to validate on come from the last third of the tile's width."""
    draws = np.random.default_rng(0)
    made: dict[str, list[Any]] = {name: [] for name in ("x_train", "y_train", "x_valid", "y_valid")}
    down, across = _TILES
    for number, photo in enumerate(load_sample_images().images):
        height, width = photo.shape[0] // down, photo.shape[1] // across
        for tile in range(down * across):
            top, left = tile // across * height, tile % across * width
            border = left + width * 2 // 3
            for part, count, first, past in (
                ("train", _EACH, left, border),
                ("valid", _VALIDATE, border, left + width),
            ):
                for _ in range(count):
                    y, x = draws.integers(top, top + height - _PATCH), draws.integers(first, past - _PATCH)
                    made[f"x_{part}"].append(scaled(photo[y : y + _PATCH, x : x + _PATCH], _SIDE, _SIDE))
                    made[f"y_{part}"].append(number * down * across + tile)
    return open_data({name: np.stack(values) for name, values in made.items()})


@functools.cache
def _fields() -> Data:
    """Digits of random size at random places of a noisy field."""
    draws = np.random.default_rng(1)
    data = built_in("digits")
    images = []
    for image in data.x:
        side = int(draws.integers(*_DIGIT_SIZES))
        field = draws.integers(0, 60, (_SIDE, _SIDE, 1)).astype(np.uint8)
        top, left = draws.integers(0, _SIDE - side + 1, 2)
        place = field[top : top + side, left : left + side]
        np.maximum(place, scaled(image, side, side), out=place)
        images.append(field)
    rows = np.concatenate([data.splits["train"], data.splits["valid"]])
    return replace(data, x=np.stack(images), splits={"train": rows[:_DIGITS], "valid": rows[_DIGITS : 2 * _DIGITS]})
