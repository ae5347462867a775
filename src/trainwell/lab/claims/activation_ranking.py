"""Activations side by side, each at its best rate."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.bars import Bar, bars

_SETS = {"digits": 5, "spirals": 15}  # epochs
_ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu")
_RATES = (1e-3, 3e-3, 1e-2)


@claims.add
class ActivationRanking(Claim):
    """Validation accuracy of five activations on two data sets."""

    id = "activation-ranking"
    chapter = "activations"
    statement = "ReLU beats tanh, and tanh beats sigmoid; leaky ReLU and ELU may bring a little more."
    why = "Sigmoid saturates and is not zero-centred, tanh saturates, ReLU does neither above 0."
    question = "Is the accuracy in that order, by more than the seeds differ, when each has the rate that suits it?"
    set_up = (
        "Digits (5 epochs) and spirals (15), three layers of 64 with the initialisation that suits each activation, "
        "Adam at 1e-3, 3e-3 and 1e-2: the accuracy on the validation split (180 digits, 225 points) at the rate that "
        "is best in the mean, with the same seeds for all. Deep and convolutional nets are not tried."
    )
    mark = (
        "One beats another if it is better in the mean over the seeds by two standard errors of the difference or "
        "more. Holds if on both data sets ReLU beats tanh and tanh sigmoid, and on one of them leaky ReLU or ELU beats "
        "ReLU. In part if some of these five. Else it does not hold."
    )
    source = "CS231n, Neural Networks Part 1; Hands-On Machine Learning, chapter 11"
    num_seeds = (4, 2)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings of each activation at each rate."""
        rates = _RATES[1:] if quick else _RATES
        accuracy: dict[str, dict[str, list[float]]] = {}
        best: dict[str, dict[str, float]] = {}
        for data in _SETS:
            accuracy[data], best[data] = {}, {}
            for name in _ACTIVATIONS:
                by_rate = {rate: [_accuracy(data, name, rate, seed) for seed in seeds] for rate in rates}
                best[data][name] = max(by_rate, key=lambda rate: statistics.fmean(by_rate[rate]))
                accuracy[data][name] = by_rate[best[data][name]]
        return {"accuracy": accuracy, "best_rate": best}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the differences, seed by seed."""
        ranks: list[bool] = []
        gains: list[bool] = []
        found_clear, texts = [], []
        for data, found in numbers["accuracy"].items():
            clear = {
                f"{one} beats {other}": _beats(found[one], found[other])
                for one, other in (("relu", "tanh"), ("tanh", "sigmoid"), ("leaky_relu", "relu"), ("elu", "relu"))
            }
            ranks += list(clear.values())[:2]
            gains += list(clear.values())[2:]
            means = ", ".join(f"{name} {spread(found[name], '.3f')}" for name in _ACTIVATIONS)
            highest = [name for name, rate in numbers["best_rate"][data].items() if rate == _RATES[-1]]
            found_clear.append(
                f"on {data} {' and '.join(name for name in clear if clear[name]) or 'no comparison is clear'}"
            )
            texts.append(f"{data}: {means}; best at the highest rate tried: {', '.join(highest) or 'none'}.")
        where = f"Clear by two standard errors: {'; '.join(found_clear)}. {' '.join(texts)}"
        return by_parts([*ranks, any(gains)], where)

    def figure(self, numbers: Numbers) -> str:
        """The accuracies."""
        rows = [
            Bar(f"{data}, {name}", statistics.fmean(v), (min(v), max(v)), f"{statistics.fmean(v):.3f}", colour)
            for data, found in numbers["accuracy"].items()
            for colour, (name, v) in enumerate(found.items(), start=1)
        ]
        lowest = math.floor(min(row.span[0] for row in rows if row.span) * 10) / 10
        return bars(
            "Five activations, each at its best rate",
            "Mean and range over the seeds of the validation accuracy, on two data sets. "
            f"The bars begin at {lowest:.1f}.",
            rows,
            x_label=f"validation accuracy, from {lowest:.1f}",
            x_span=(lowest, 1.0),
        )


def _accuracy(data: str, activation: str, rate: float, seed: int) -> float:
    recipe = plain_recipe(
        model=models.part("mlp", widths=(64, 64, 64), activation=activation),
        optimizer={"name": "adam", "lr": rate},
        epochs=_SETS[data],
        seed=seed,
    )
    return course(built_in(data), recipe).last("valid_accuracy") or 0.0


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether the mean difference is above 0 and two of its standard errors or more."""
    gains = [a - b for a, b in zip(one, other, strict=True)]
    mean = statistics.fmean(gains)
    return mean > 0 and mean >= 2 * statistics.stdev(gains) / math.sqrt(len(gains))
