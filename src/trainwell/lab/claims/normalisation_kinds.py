"""Norms at small batches."""

import statistics
from collections.abc import Sequence
from typing import Any

from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.spread import middle, outline, spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.lines import Line, Panel, lines

_SIZES = (2, 4, 16, 64)
_NORMS: dict[str, Any] = {"batch": "batch", "layer": "layer", "group": {"name": "group", "num_groups": 8}}
_FAILS, _ALIKE = 0.1, 0.03
_EPOCHS = 3


@claims.add
class NormalisationKinds(Claim):
    """Validation accuracy by norm and by size of the batch."""

    id = "normalisation-kinds"
    chapter = "initialisation"
    statement = "Batch norm fails with batches of one or two samples, where layer norm and group norm hold."
    why = "Mean and variance of two samples are mostly noise, and of one sample there is no variance at all."
    question = "How does the accuracy go with the size of the batch, with each of the three?"
    set_up = (
        "Digits, two dense layers of 64, Adam at 1e-3 whatever the batch, 3 epochs of batches of 2, 4, 16 and 64: the "
        "accuracy on the validation split. A batch of one is not tried: torch refuses to train batch norm on it, and "
        "the others do. Nor is a convolution, which has all places of the images to average over and need not fail."
    )
    mark = (
        "Holds if with batches of 2 batch norm is 10 points or more below both others in the mean, and with 64 within "
        "3 points of them. In part if it is below both by 3 points or more with 2. Else it does not hold."
    )
    source = "Wu, He, 2018, https://arxiv.org/abs/1803.08494; CS231n, Training Neural Networks I"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings of each norm at each size."""
        sizes = (2, 64) if quick else _SIZES
        return {
            "sizes": sizes,
            "accuracy": {
                name: [[_accuracy(norm, size, seed) for size in sizes] for seed in seeds]
                for name, norm in _NORMS.items()
            },
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the smallest and the largest size."""
        small = {name: [row[0] for row in rows] for name, rows in numbers["accuracy"].items()}
        large = {name: [row[-1] for row in rows] for name, rows in numbers["accuracy"].items()}
        texts = [f"{name} {spread(small[name])} and {spread(large[name])}" for name in small]
        where = f"Accuracy with batches of {numbers['sizes'][0]} and of {numbers['sizes'][-1]}: {'; '.join(texts)}."
        lost = min(statistics.fmean(small[name]) for name in small if name != "batch") - statistics.fmean(
            small["batch"]
        )
        apart = max(
            abs(statistics.fmean(large[name]) - statistics.fmean(large["batch"])) for name in large if name != "batch"
        )
        if lost >= _FAILS and apart <= _ALIKE:
            return Verdict("holds", where)
        return Verdict("holds in part" if lost >= _ALIKE else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The accuracy by the size of the batch."""
        curves = [
            Line(f"{name} norm", numbers["sizes"], middle(rows), band=outline(rows))
            for name, rows in numbers["accuracy"].items()
        ]
        return lines(
            "Three norms by the size of the batch",
            "The validation accuracy by the size of the batch: median and range over the seeds.",
            [Panel(curves, "samples in the batch", "validation accuracy", log_x=True)],
        )


def _accuracy(norm: Any, size: int, seed: int) -> float:
    recipe = plain_recipe(
        model=models.part("mlp", widths=(64, 64), norm=norm),
        optimizer={"name": "adam", "lr": 1e-3},
        batch_size=size,
        epochs=_EPOCHS,
        seed=seed,
    )
    return course(built_in("digits"), recipe).last("valid_accuracy") or 0.0
