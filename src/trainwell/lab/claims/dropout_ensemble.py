"""Inverted dropout in training and at test time."""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from trainwell.draws import StepDraws
from trainwell.dropouts import attach, dropouts
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import normal, stack
from trainwell.lab.spread import spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.bars import Bar, bars

_WIDTH, _INPUTS, _MASKS, _P = 200, 100, 1000, 0.5
_SAME = 0.05
_SAMPLES, _EPOCHS = 300, 60


@claims.add
class DropoutEnsemble(Claim):
    """Means over masks beside the pass without one, and the gap between the splits."""

    id = "dropout-ensemble"
    chapter = "regularisation"
    statement = (
        "Inverted dropout needs no change at test time, since what comes out without a mask is the mean over the "
        "masks; and it narrows the gap between training and validation."
    )
    why = "The values that are kept are scaled by 1 / (1 - p), so that the mean over the masks is the value itself."
    question = (
        "Is the pass without a mask the mean over masks, before and behind the next ReLU; and how wide is the gap?"
    )
    set_up = (
        "100 standard normal inputs, a ReLU layer of 200 with dropout 0.5, a second one: the mean of 1000 masks beside "
        "the pass in evaluation, as the root mean square of the difference over that of the values, before and behind "
        "the second ReLU. Then 300 training digits, one hidden layer of 200, 60 epochs of Adam at 3e-3, p = 0 and 0.5: "
        "the training loss and the validation loss at the end."
    )
    mark = (
        "Holds if the difference is under 5 % before and behind the second ReLU, and the gap between the losses is "
        "narrower with dropout on every seed. In part if some of the three. Else it does not hold."
    )
    source = "Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html; CS231n, Neural Networks Part 2"
    num_seeds = (5, 2)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Both differences, and trainings with and without."""
        del quick  # fewer seeds
        before, behind = zip(*(_differences(seed) for seed in seeds), strict=True)
        gaps = {str(p): [_gap(p, seed) for seed in seeds] for p in (0.0, _P)}
        return {"before": before, "behind": behind, "gaps": gaps}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the differences and the gaps."""
        gaps = numbers["gaps"]
        narrower = all(a < b for a, b in zip(gaps["0.5"], gaps["0.0"], strict=True))
        where = (
            f"The mean over masks differs from the pass without one by {spread(numbers['before'], '.1%')} before the "
            f"next ReLU and {spread(numbers['behind'], '.1%')} behind it. The gap between the losses is "
            f"{spread(gaps['0.5'], '.2f')} with dropout and {spread(gaps['0.0'], '.2f')} without."
        )
        return by_parts([max(numbers["before"]) < _SAME, max(numbers["behind"]) < _SAME, narrower], where)

    def figure(self, numbers: Numbers) -> str:
        """The differences."""
        names = {"before": "before the next ReLU", "behind": "behind it"}
        rows = [
            Bar(words, statistics.fmean(numbers[n]), (min(numbers[n]), max(numbers[n]))) for n, words in names.items()
        ]
        return bars(
            "How far the pass without a mask is from the mean over masks",
            "They agree before the next ReLU and differ behind it.",
            rows,
            x_label="difference, as a share of the values",
        )


@torch.no_grad()
def _differences(seed: int) -> tuple[float, float]:
    """Of the mean over masks from the pass without one: before the second ReLU, and behind it."""
    model = stack("relu", "he_normal", (_INPUTS, _WIDTH, _WIDTH), seed=seed)
    drop = dropouts.build({"name": "dropout", "p": _P})
    draws = StepDraws(seed)
    attach(drop, draws)
    signal = model[:3](normal(100, _INPUTS, seed))
    linear, bend = model[3], model[4]
    plain = linear(drop.eval()(signal))
    drop.train()
    before, behind = torch.zeros_like(plain), torch.zeros_like(plain)
    for step in range(_MASKS):
        draws.step = step
        masked = linear(drop(signal))
        before += masked / _MASKS
        behind += bend(masked) / _MASKS
    return _share(before, plain), _share(behind, bend(plain))


def _share(mean: Tensor, plain: Tensor) -> float:
    return float((mean - plain).square().mean().sqrt() / plain.square().mean().sqrt())


def _gap(p: float, seed: int) -> float:
    """Validation loss less training loss at the end."""
    data = built_in("digits")
    few = replace(data, splits={**data.splits, "train": data.splits["train"][:_SAMPLES]})
    dropout = {"name": "dropout", "p": p} if p else None
    recipe = plain_recipe(
        model=models.part("mlp", widths=(_WIDTH,), dropout=dropout),
        optimizer={"name": "adam", "lr": 3e-3},
        epochs=_EPOCHS,
        seed=seed,
    )
    scores = course(few, recipe).scores[-1]
    return float(scores["valid_loss"] - scores["train_loss"])
