"""Units that start alike."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.training.loop import Trainer

_STARTS: dict[str, dict[str, Any]] = {
    "zeros, tanh": {"initializer": "zeros", "activation": "tanh"},
    "zeros, sigmoid": {"initializer": "zeros", "activation": "sigmoid"},
    "zeros, relu": {"initializer": "zeros", "activation": "relu"},
    "all 0.1, tanh": {"initializer": {"name": "constant", "value": 0.1}, "activation": "tanh"},
    "all 0.1, tanh, dropout": {
        "initializer": {"name": "constant", "value": 0.1},
        "activation": "tanh",
        "dropout": {"name": "dropout", "p": 0.2},
    },
}
_ROUNDING = 1e-6


@claims.add
class ZeroInitSymmetry(Claim):
    """How far the units of a layer come apart while they are trained."""

    id = "zero-init-symmetry"
    chapter = "initialisation"
    statement = "With all weights zero, or all equal, the units of a layer stay equal for ever."
    why = "They compute the same, so that they are given the same gradient and take the same step."
    question = "How far are two units of a layer apart after training?"
    set_up = (
        "Digits, two hidden layers of 32, SGD at 0.1, from zeros and from a constant 0.1; once with dropout. After "
        "each step, the largest difference between the weights of two units of the first hidden layer, over the "
        "largest weight."
    )
    mark = (
        "Holds if the units are equal, bit for bit, after every step of all trainings without dropout. In part if they "
        "differ by rounding alone (1e-6). Else it does not hold. Dropout is shown beside it: it tells units apart."
    )
    source = "CS231n, Neural Networks Part 2 (pitfall: all zero initialization)"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings, with the difference after each step."""
        found: dict[str, Any] = {}
        for name, start in _STARTS.items():
            runs = []
            for seed in seeds:
                apart: list[float] = []
                recipe = plain_recipe(
                    model=models.part("mlp", widths=(32, 32), head_scale=1.0, **start),
                    epochs=1 if quick else 4,
                    seed=seed,
                )
                course(built_in("digits"), recipe, watch=partial(_note, apart))
                runs.append(apart)
            found[name] = runs
        return {"apart": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the largest difference without dropout."""
        largest = {name: max(max(run) for run in runs) for name, runs in numbers["apart"].items()}
        plain = max(value for name, value in largest.items() if "dropout" not in name)
        steps = len(numbers["apart"]["zeros, tanh"][0])
        where = (
            f"After {steps} steps the units differ by {plain:.2g} of the largest weight; with dropout by "
            f"{largest['all 0.1, tanh, dropout']:.2g}."
        )
        if plain == 0.0:
            return Verdict("holds", where)
        return Verdict("holds in part" if plain < _ROUNDING else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The difference step by step."""
        curves = [
            Line(name, list(range(1, len(runs[0]) + 1)), runs[0], style="solid" if "dropout" in name else "dashed")
            for name, runs in numbers["apart"].items()
        ]
        return lines(
            "Units that start alike stay alike",
            "Without dropout the difference between units stays exactly 0; with dropout it grows.",
            [Panel(curves, "step", "largest difference of two units, over the largest weight")],
        )


def _note(apart: list[float], trainer: Trainer) -> None:
    apart.append(_apart(trainer))


def _apart(trainer: Trainer) -> float:
    """Largest difference between the weights of two units of the first hidden layer, over the largest weight."""
    weight = next(m for m in trainer.model.modules() if isinstance(m, nn.Linear)).weight.detach()
    size = weight.abs().max().clamp_min(torch.finfo(weight.dtype).tiny)
    return float((weight.amax(dim=0) - weight.amin(dim=0)).max() / size)
