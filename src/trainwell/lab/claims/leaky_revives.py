"""Units that start dead."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from trainwell.activations import activations
from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.networks import stack
from trainwell.lab.spread import middle, spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.training.loop import Trainer

_SLOPES = (0.0, 0.01, 0.05, 0.2)
_OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
    "Adam": {"name": "adam", "lr": 3e-3},
}
_BIAS, _WIDTH, _EVERY = -10.0, 64, 22
_STILL_DEAD, _AWAKE = 0.05, 0.5


@claims.add
class LeakyRevives(Claim):
    """How many units wake that no sample reaches."""

    id = "leaky-revives"
    chapter = "activations"
    statement = "A ReLU unit that no sample activates is dead for good; a leaky one can wake."
    why = "The slope below 0 is 0 for ReLU, so that no gradient passes; leaky ReLU leaves a little."
    question = "How many units wake, by slope and optimizer?"
    set_up = (
        "Digits, one hidden layer of 64 whose biases start at -10, so that no sample activates a unit: slopes 0, 0.01, "
        "0.05 and 0.2 below 0, SGD with momentum at 0.1 and Adam at 3e-3; the share of units that some sample "
        "activates, after each epoch."
    )
    mark = (
        "Holds if ReLU ends with 5 % of its units awake or fewer and the usual slope, 0.01, with half or more, with "
        "both optimizers. In part if ReLU stays dead and some slope wakes half with some optimizer. Else it does not."
    )
    source = "Maas et al., 2013; CS231n, Neural Networks Part 1; Hands-On Machine Learning, chapter 11"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings, with the share of units awake."""
        found = {
            name: {str(slope): [_awake(slope, optimizer, seed, quick) for seed in seeds] for slope in _SLOPES}
            for name, optimizer in _OPTIMIZERS.items()
        }
        return {"awake": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the share at the end."""
        ends = {
            name: {slope: [run[-1] for run in runs] for slope, runs in by_slope.items()}
            for name, by_slope in numbers["awake"].items()
        }
        texts = [
            f"{name}: " + ", ".join(f"{slope} {spread(values, '.0%')}" for slope, values in by_slope.items())
            for name, by_slope in ends.items()
        ]
        where = f"Awake at the end, by slope: {'; '.join(texts)}."
        dead = all(max(by_slope["0.0"]) <= _STILL_DEAD for by_slope in ends.values())
        usual = all(min(by_slope["0.01"]) >= _AWAKE for by_slope in ends.values())
        some = any(min(v) >= _AWAKE for by_slope in ends.values() for slope, v in by_slope.items() if slope != "0.0")
        if dead and usual:
            return Verdict("holds", where)
        return Verdict("holds in part" if dead and some else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The share of units awake by epoch."""
        panels = []
        for name, by_slope in numbers["awake"].items():
            curves = [
                Line(f"slope {slope}" if float(slope) else "ReLU", list(range(len(runs[0]))), middle(runs))
                for slope, runs in by_slope.items()
            ]
            panels.append(Panel(curves, "epoch", "share of units awake", name, y_span=(0.0, 1.02)))
        return lines(
            "Units that start dead",
            "ReLU units stay dead; leaky ones wake, the sooner the larger their slope.",
            panels,
        )


def _awake(slope: float, optimizer: dict[str, Any], seed: int, quick: bool) -> list[float]:
    """Share of units that some training sample activates, at the start and after each epoch."""
    model = stack("relu", "he_normal", (64, _WIDTH), seed=seed, head=10)
    if slope:
        model[2] = activations.build({"name": "leaky_relu", "slope": slope})
    hidden = model[1]
    assert isinstance(hidden, nn.Linear)
    nn.init.constant_(hidden.bias, _BIAS)
    seen: list[float] = [0.0]

    @torch.no_grad()
    def look(trainer: Trainer) -> None:
        if trainer.step % _EVERY == 0:
            x, _ = next(trainer.feed.passes(len(trainer.feed), len(trainer.feed)))
            seen.append(float((model[:2](x) > 0).any(dim=0).float().mean()))

    recipe = plain_recipe(optimizer=optimizer, epochs=10 if quick else 20, seed=seed)
    course(built_in("digits"), recipe, model, look)
    return seen
