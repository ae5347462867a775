"""What trains with batch norm and without."""

from collections.abc import Sequence
from typing import Any

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import middle, outline, spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.lines import Line, Panel, lines

_STDS = tuple(10.0 ** (half / 2) for half in range(-10, 5))
_RATES = tuple(10.0 ** (half / 2) for half in range(-6, 5))
_NORMS = ("none", "batch")
_TRAINED, _DECADE = 0.9, 2  # half decades


@claims.add
class BatchnormTolerates(Claim):
    """The spreads of the weights and the rates at which a deep net trains."""

    id = "batchnorm-tolerates"
    chapter = "initialisation"
    statement = "Batch norm widens what trains: it bears worse initial weights and larger learning rates."
    why = "Each layer is brought back to mean 0 and variance 1, whatever the scale of its weights."
    question = "Over how many decades of the initial spread, and of the rate, does a net train, with it and without?"
    set_up = (
        "Digits, five ReLU layers of 64, SGD with momentum 0.9, 5 epochs: the best training accuracy with weights "
        "N(0, s^2), s from 1e-5 to 100 in half decades at a rate of 0.1, and with He's rule at rates from 1e-3 to 100. "
        "Each value that trains counts for the half decade about it, so that widths are known to half a decade."
    )
    mark = (
        "Holds if with batch norm the range that reaches 90 % is wider by a decade or more on every seed, of the "
        "spreads and of the rates. In part if one of the two. Else it does not hold."
    )
    source = "Ioffe, Szegedy, 2015, https://arxiv.org/abs/1502.03167; CS231n, Neural Networks Part 2"
    num_seeds = (2, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings over both ranges."""
        step = 2 if quick else 1
        stds, rates = _STDS[::step], _RATES[::step]
        small = {"name": "small_gaussian"}
        return {
            "stds": stds,
            "rates": rates,
            "half_decades": step,
            "by_std": {
                norm: [[_accuracy(norm, small | {"std": std}, 0.1, seed) for std in stds] for seed in seeds]
                for norm in _NORMS
            },
            "by_rate": {
                norm: [[_accuracy(norm, {"name": "he_normal"}, rate, seed) for rate in rates] for seed in seeds]
                for norm in _NORMS
            },
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the widths of the ranges."""
        texts, parts = [], []
        for words, name in (("spreads", "by_std"), ("rates", "by_rate")):
            widths = {
                norm: [sum(a >= _TRAINED for a in row) * numbers["half_decades"] for row in rows]
                for norm, rows in numbers[name].items()
            }
            parts.append(all(b - n >= _DECADE for n, b in zip(widths["none"], widths["batch"], strict=True)))
            decades = {norm: spread([w / 2 for w in found]) for norm, found in widths.items()}
            texts.append(f"{decades['none']} decades of {words} without and {decades['batch']} with batch norm")
        return by_parts(parts, f"It trains over {', and over '.join(texts)}.")

    def figure(self, numbers: Numbers) -> str:
        """The accuracy over both ranges."""

        def panel(name: str, across: str, label: str) -> Panel:
            curves = [
                Line(words, numbers[across], middle(numbers[name][norm]), band=outline(numbers[name][norm]))
                for norm, words in (("none", "no norm"), ("batch", "batch norm"))
            ]
            return Panel(curves, label, "best training accuracy", log_x=True, y_span=(0.0, 1.02))

        return lines(
            "What trains with batch norm and without",
            "The best training accuracy by the spread of the initial weights, and by the rate: median and range over "
            "the seeds; 0 where the loss was not finite before the first score.",
            [panel("by_std", "stds", "standard deviation of the initial weights"), panel("by_rate", "rates", "rate")],
        )


def _accuracy(norm: str, initializer: dict[str, Any], rate: float, seed: int) -> float:
    recipe = plain_recipe(
        model=models.part("mlp", widths=(64,) * 5, norm=norm, initializer=initializer, head_scale=1.0),
        optimizer={"name": "sgd", "lr": rate, "momentum": 0.9},
        epochs=5,
        seed=seed,
    )
    return course(built_in("digits"), recipe).best("train_accuracy") or 0.0
