"""ReLU units that die in training."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import stack
from trainwell.lab.spread import middle, spread
from trainwell.lab.training import Course, built_in, course, plain_recipe
from trainwell.report.charts.lines import Line, Panel, lines

_RATES = (1e-3, 3e-3, 0.01, 0.03, 0.1)
_NEGATIVE = -10.0
_HALF, _HEALTHY, _WELL, _EVERY = 0.4, 0.05, 0.5, 22


@claims.add
class DyingRelu(Claim):
    """The share of dead units by rate and step."""

    id = "dying-relu"
    chapter = "activations"
    statement = (
        "Too high a learning rate kills up to half of the ReLUs: training goes well at first, and then units die "
        "suddenly. A strongly negative bias kills them from the start."
    )
    why = "One large step can push a unit's bias so low that no sample reaches it, and from there no gradient comes."
    question = "How many units die at each rate, when, and with what is left of the training?"
    set_up = (
        "Digits, two hidden ReLU layers of 64, Adam at rates 1e-3 to 0.1, 15 epochs: the share of units that give the "
        "same for all samples (the measurement dead_units), the training loss and accuracy by epoch; and biases of -10 "
        "at 1e-3."
    )
    mark = (
        "Holds if (1) some rate kills 40 % or more while the rate of the lowest loss kills 5 % or fewer; (2) at such a "
        "rate half of the deaths fall into one epoch, after an epoch that ended with half of the samples right; (3) "
        "with biases of -10, 90 % or more are dead at the first measurement. In part if some of the three. Else it "
        "does not hold."
    )
    source = "CS231n, Neural Networks Part 1; Hands-On Machine Learning, chapter 11"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings, with the dead units counted."""
        epochs = 8 if quick else 15
        found: dict[str, dict[str, list[Any]]] = {}
        for rate in _RATES:
            runs = [_run(rate, 0.0, seed, epochs) for seed in seeds]
            found[str(rate)] = {
                "dead": [_padded([line["dead_units_mean"] for line in run.measures], epochs) for run in runs],
                "accuracy": [_padded([line["train_accuracy"] for line in run.scores], epochs) for run in runs],
                "loss": [run.last("train_loss") for run in runs],
            }
        negative = [_run(_RATES[0], _NEGATIVE, seed, 1).measures[0]["dead_units_mean"] for seed in seeds]
        return {"rates": found, "negative": negative}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the shares and their course."""
        rates = numbers["rates"]
        ends = {rate: [run[-1] for run in found["dead"]] for rate, found in rates.items()}
        means = {rate: sum(values) / len(values) for rate, values in ends.items()}
        losses = {rate: found["loss"] for rate, found in rates.items() if None not in found["loss"]}
        best = min(losses, key=lambda rate: sum(losses[rate]))
        killing = [rate for rate, values in ends.items() if min(values) >= _HALF]
        sudden = [
            rate
            for rate in killing
            if all(_suddenly(d, a) for d, a in zip(rates[rate]["dead"], rates[rate]["accuracy"], strict=True))
        ]
        texts = [f"{rate}: {spread(values, '.0%')}" for rate, values in ends.items()]
        where = (
            f"Dead at the end, by rate: {'; '.join(texts)}; the loss is lowest at {best}. With biases of -10, "
            f"{spread(numbers['negative'], '.0%')} are dead at once."
        )
        where += "" if sudden else " Where many die, they die in the first steps and not after a time of going well."
        parts = [bool(killing) and means[best] <= _HEALTHY, bool(sudden), min(numbers["negative"]) >= 0.9]
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """The share of dead units and the accuracy by epoch."""

        def curves(what: str) -> list[Line]:
            return [
                Line(rate, list(range(1, len(found[what][0]) + 1)), middle(found[what]))
                for rate, found in numbers["rates"].items()
            ]

        return lines(
            "Dead ReLUs, by the rate of Adam",
            "At low rates hardly a unit dies; at high ones most do, at once, and the accuracy falls.",
            [
                Panel(curves("dead"), "epoch", "share of units that are dead", y_span=(0.0, 1.0)),
                Panel(curves("accuracy"), "epoch", "training accuracy", y_span=(0.0, 1.0)),
            ],
        )


def _run(rate: float, bias: float, seed: int, epochs: int) -> Course:
    model = stack("relu", "he_normal", (64, 64, 64), seed=seed, head=10, head_scale=0.1)
    if bias:
        for layer in [module for module in model if isinstance(module, nn.Linear)][:-1]:
            nn.init.constant_(layer.bias, bias)
    recipe = plain_recipe(
        optimizer={"name": "adam", "lr": rate}, epochs=epochs, measure="dead_units", measure_every=_EVERY, seed=seed
    )
    return course(built_in("digits"), recipe, model)


def _padded(values: list[float], length: int) -> list[float]:
    """One value an epoch; the last one stands for those that a training did not come to."""
    return (values + values[-1:] * length)[:length]


def _suddenly(dead: Sequence[float], accuracy: Sequence[float]) -> bool:
    """Whether half of the deaths fall into one epoch behind another that had gone well."""
    jumps = [(b - a, place) for place, (a, b) in enumerate(pairwise(dead))]
    largest, place = max(jumps)
    return largest >= 0.5 * dead[-1] and accuracy[place] >= _WELL
