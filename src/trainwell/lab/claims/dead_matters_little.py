"""Nets of which some units are dead from the start."""

import statistics
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.networks import stack
from trainwell.lab.spread import spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.report.charts.bars import Bar, bars

_WIDTH, _BIAS = 100, -1e4
_SHARES = (0.0, 0.1, 0.2, 0.5, 0.9)
_LITTLE = 0.01


@claims.add
class DeadMattersLittle(Claim):
    """Validation accuracy by the share of dead units."""

    id = "dead-matters-little"
    chapter = "activations"
    statement = "A network with 10 to 20 % of its ReLU units dead is hardly worse."
    why = "The others do the work; most nets have more units than they need."
    question = "How does the validation accuracy go with the share of units that are dead from the start?"
    set_up = (
        "Digits, two hidden ReLU layers of 100 of which 0, 10, 20, 50 and 90 % of the units get a bias of -10,000 and "
        "no gradient ever; SGD with momentum 0.9 at 0.05, 10 epochs: the accuracy on the validation split."
    )
    mark = (
        "Holds if with 10 % and with 20 % dead the mean accuracy over the seeds is at most a point under that with "
        "none. In part if only with 10 %. Else it does not hold."
    )
    source = "CS231n, Training Neural Networks I (dead ReLUs)"
    num_seeds = (6, 3)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings with units killed."""
        shares = _SHARES[:3] if quick else _SHARES
        return {"accuracy": {str(share): [_accuracy(share, seed, quick) for seed in seeds] for share in shares}}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the mean accuracies."""
        mean = {share: statistics.fmean(values) for share, values in numbers["accuracy"].items()}
        little = {share: mean[share] >= mean["0.0"] - _LITTLE for share in mean}
        texts = [f"{float(share):.0%}: {spread(v, '.3f')}" for share, v in numbers["accuracy"].items()]
        where = f"Validation accuracy by the share of dead units: {'; '.join(texts)}."
        if little["0.1"] and little["0.2"]:
            return Verdict("holds", where)
        return Verdict("holds in part" if little["0.1"] else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The accuracy by the share of dead units."""
        rows = [
            Bar(f"{float(share):.0%} dead", statistics.fmean(v), (min(v), max(v)), f"{statistics.fmean(v):.3f}")
            for share, v in numbers["accuracy"].items()
        ]
        return bars(
            "Validation accuracy with units dead from the start",
            "It hardly changes until most units are dead.",
            rows,
            x_label="accuracy",
            x_span=(0.8, 1.0),
        )


def _accuracy(share: float, seed: int, quick: bool) -> float:
    model = stack("relu", "he_normal", (64, _WIDTH, _WIDTH), seed=seed, head=10, head_scale=0.1)
    for layer in [module for module in model if isinstance(module, nn.Linear)][:-1]:
        with torch.no_grad():
            layer.bias[: round(share * _WIDTH)] = _BIAS
    recipe = plain_recipe(optimizer={"name": "sgd", "lr": 0.05, "momentum": 0.9}, epochs=6 if quick else 10, seed=seed)
    return course(built_in("digits"), recipe, model).last("valid_accuracy") or 0.0
