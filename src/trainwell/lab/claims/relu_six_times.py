"""How soon a small convolutional net trains with ReLU and with tanh."""

import statistics
from collections.abc import Sequence
from typing import Any

import torch

from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.spread import spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.training.loop import Trainer

_ACTIVATIONS = ("relu", "tanh")
_INITIALIZERS = ("auto", "torch_default")
_RATES = (0.01, 0.03, 0.1, 0.3)
_EPOCHS, _EVERY = 8, 2
_ERROR = 0.25
_ABOUT, _SOONER = 4.0, 1.5


@claims.add
class ReluSixTimes(Claim):
    """Epochs to 25 % training error, at the best rate and initialisation of each activation."""

    id = "relu-six-times"
    chapter = "activations"
    statement = (
        "A small convolutional net reaches 25 % training error on CIFAR-10 about six times sooner with ReLU than with "
        "tanh."
    )
    why = "ReLU does not saturate above 0, so that its gradients stay large where those of tanh shrink."
    question = "How many times the epochs does tanh take, when each has the rate and the initialisation that suit it?"
    set_up = (
        "Not CIFAR-10, as in the paper, but digits of 8 x 8, which need no download and are far easier, so that the "
        "beginning of a training decides: LeNet with 8 and 16 channels, max pooling and a hidden layer of 32, SGD with "
        "momentum 0.9, batches of 64, rates from 0.01 to 0.3, each with the initialisation of the book (He's for ReLU, "
        "Glorot's for tanh) and with torch's default. The error on the training split is taken every other step, for 8 "
        "epochs; what does not come to 25 % in them counts as 16. The best of the eight has the lowest mean over the "
        "seeds."
    )
    mark = (
        "Holds if tanh takes 4 times the epochs of ReLU or more in the mean (six, but for a factor of 1.5). In part if "
        "it takes 1.5 times as many or more on every seed. Else it does not hold."
    )
    source = "Krizhevsky, Sutskever, Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings at every rate from every start, each until the error is reached."""
        rates = _RATES[1:3] if quick else _RATES
        runs = {
            activation: {
                f"{initializer}, {rate:g}": [_errors(activation, initializer, rate, seed) for seed in seeds]
                for initializer in _INITIALIZERS
                for rate in rates
            }
            for activation in _ACTIVATIONS
        }
        best = {name: min(by, key=lambda way: statistics.fmean(map(_epochs, by[way]))) for name, by in runs.items()}
        return {
            "epochs": {name: {way: [_epochs(run) for run in by[way]] for way in by} for name, by in runs.items()},
            "best": best,
            "curves": {name: runs[name][way][0] for name, way in best.items()},
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the ratio of the epochs at the best of each."""
        best = numbers["best"]
        found = {name: numbers["epochs"][name][way] for name, way in best.items()}
        ratios = [tanh / relu for relu, tanh in zip(found["relu"], found["tanh"], strict=True)]
        texts = [f"{name} {spread(found[name], '.2f')} ({best[name]})" for name in found]
        where = (
            f"Tanh takes {spread(ratios, '.2f')} times the epochs of ReLU, seed by seed. At the best start and rate: "
            f"{'; '.join(texts)}."
        )
        if statistics.fmean(found["tanh"]) / statistics.fmean(found["relu"]) >= _ABOUT:
            return Verdict("holds", where)
        return Verdict("holds in part" if min(ratios) >= _SOONER else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The error by the epochs, at the best of each."""
        curves = [
            Line(f"{name}, {numbers['best'][name]}", [point[0] for point in run], [point[1] for point in run])
            for name, run in numbers["curves"].items()
        ]
        return lines(
            "Training error with ReLU and with tanh",
            "The first seed, at the best start and rate of each activation, until the error is 25 % or below.",
            [Panel(curves, "epoch", "training error", y_span=(0.0, 1.0), marks=[(_ERROR, "25 %")])],
        )


def _errors(activation: str, initializer: str, rate: float, seed: int) -> list[tuple[float, float]]:
    """Epochs so far and the error then, to the first that is low enough."""
    recipe = plain_recipe(
        model=models.part(
            "lenet", widths=(8, 16), hidden=(32,), pooling="max", activation=activation, initializer=initializer
        ),
        optimizer={"name": "sgd", "lr": rate, "momentum": 0.9},
        epochs=_EPOCHS,
        seed=seed,
    )
    found: list[tuple[float, float]] = []

    @torch.no_grad()
    def look(trainer: Trainer) -> None:
        if trainer.step % _EVERY:
            return
        x, y = next(trainer.feed.passes(len(trainer.feed), len(trainer.feed)))
        found.append((trainer.epoch, float((trainer.model(x).argmax(dim=1) != y).float().mean())))
        trainer.stopped_early = found[-1][1] <= _ERROR

    course(built_in("digits"), recipe, watch=look)
    return found


def _epochs(run: Sequence[Sequence[float]]) -> float:
    """Epochs to the error; twice the whole training where it was not reached."""
    return run[-1][0] if run and run[-1][1] <= _ERROR else 2.0 * _EPOCHS
