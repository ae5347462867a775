"""Leaky ReLU beside ReLU, where nothing is wrong with ReLU."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.bars import Bar, bars

_SETS = {"digits": 10, "breast-cancer": 30, "spirals": 60}  # epochs
_ACTIVATIONS: dict[str, dict[str, Any]] = {
    "ReLU": {"name": "relu"},
    "leaky, 0.01": {"name": "leaky_relu", "slope": 0.01},
    "leaky, 0.2": {"name": "leaky_relu", "slope": 0.2},
}


@claims.add
class LeakyNotAlways(Claim):
    """Validation accuracy of both, over seeds and data sets."""

    id = "leaky-not-always"
    chapter = "activations"
    statement = "Leaky ReLU is always better than ReLU."
    why = "No unit can die, and the gradient passes everywhere."
    question = "Is it better in healthy training, by more than the seeds differ?"
    set_up = (
        "Digits (10 epochs), breast-cancer (30) and spirals (60), two layers of 64, Adam at 3e-3, the same seeds for "
        "each: the accuracy on the validation split at the end, with ReLU and with leaky ReLU of slope 0.01 and 0.2. "
        "These are six comparisons, of which one may well be clear by chance."
    )
    mark = (
        "Holds if on every data set a slope of 0.01 is better in the mean over the seeds, by two standard errors of "
        "the difference or more. In part if so on some data set, with either slope. Else it does not hold."
    )
    source = "Hands-On Machine Learning, chapter 11; Xu et al., 2015, https://arxiv.org/abs/1505.00853"
    num_seeds = (8, 5)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings of each activation on each data set."""
        sets = list(_SETS)[1:] if quick else list(_SETS)
        parts = list(_ACTIVATIONS)[:2] if quick else list(_ACTIVATIONS)
        return {
            "accuracy": {
                data: {name: [_accuracy(data, _ACTIVATIONS[name], seed) for seed in seeds] for name in parts}
                for data in sets
            }
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the differences, seed by seed."""
        gains = {
            data: {name: _gain(found["ReLU"], found[name]) for name in found if name != "ReLU"}
            for data, found in numbers["accuracy"].items()
        }
        texts = [
            f"{name} on {data} {gain[0] * 100:+.2f} ± {gain[1] * 100:.2f}"
            for data, by_name in gains.items()
            for name, gain in by_name.items()
        ]
        clear = [f"{name} on {data}" for data, by in gains.items() for name, gain in by.items() if _clear(gain)]
        same = [
            data
            for data, by_name in numbers["accuracy"].items()
            if len({v for vs in by_name.values() for v in vs}) == 1
        ]
        where = (
            f"Clearly better: {', '.join(clear) or 'none'}. Points gained over ReLU, with the standard error: "
            f"{'; '.join(texts)}. Data on which all trainings score alike, so that it tells nothing: "
            f"{', '.join(same) or 'none'}."
        )
        if all(_clear(by_name["leaky, 0.01"]) for by_name in gains.values()):
            return Verdict("holds", where)
        some = any(_clear(gain) for by_name in gains.values() for gain in by_name.values())
        return Verdict("holds in part" if some else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The accuracies."""
        rows = [
            Bar(f"{data}, {name}", statistics.fmean(v), (min(v), max(v)), f"{statistics.fmean(v):.4f}", colour)
            for data, found in numbers["accuracy"].items()
            for colour, (name, v) in enumerate(found.items(), start=1)
        ]
        lowest = math.floor(min(row.span[0] for row in rows if row.span) * 20) / 20
        return bars(
            "ReLU and leaky ReLU in healthy training",
            f"Mean and range over the seeds of the validation accuracy. The bars begin at {lowest:.2f}.",
            rows,
            x_label=f"validation accuracy, from {lowest:.2f}",
            x_span=(lowest, 1.0),
        )


def _accuracy(data: str, activation: dict[str, Any], seed: int) -> float:
    recipe = plain_recipe(
        model=models.part("mlp", widths=(64, 64), activation=activation),
        optimizer={"name": "adam", "lr": 3e-3},
        epochs=_SETS[data],
        seed=seed,
    )
    return course(built_in(data), recipe).last("valid_accuracy") or 0.0


def _gain(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Mean difference and its standard error."""
    gains = [b - a for a, b in zip(before, after, strict=True)]
    return statistics.fmean(gains), statistics.stdev(gains) / math.sqrt(len(gains))


def _clear(gain: tuple[float, float]) -> bool:
    return gain[0] > 0 and gain[0] >= 2 * gain[1]
