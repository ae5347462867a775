"""Noise in the labels."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from trainwell.data.dataset import Data
from trainwell.draws import generator
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import middle, outline, spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.training.loop import Trainer

_NOISE, _EPOCHS = 0.3, 60
_LEARNT, _HALF = 0.9, 0.5


@claims.add
class Memorisation(Claim):
    """When right and wrong labels are learnt."""

    id = "memorisation"
    chapter = "regularisation"
    statement = "A network learns noise in the labels by heart, and later than what the right labels have in common."
    why = "What many samples share moves the weights together; single wrong labels are fitted one by one."
    question = "How many wrong labels are reproduced in the end, and when, beside the right ones?"
    set_up = (
        "Digits with 30 % of the training labels replaced by another class, two layers of 256, Adam at 1e-3, no "
        "regularisation: after each epoch, the share of right and of wrong labels that the net gives back, and its "
        "accuracy on the validation split, whose labels are right. One share of noise and one net are tried; what "
        "never comes to a half counts as one epoch beyond the last."
    )
    mark = (
        "Holds if on every seed 90 % of the wrong labels are given back in the end, and the epoch at which half of "
        "them are comes after that at which half of the right ones are. In part if one of the two. Else it does not."
    )
    source = (
        "Zhang et al., 2017, https://arxiv.org/abs/1611.03530; Arpit et al., 2017, https://arxiv.org/abs/1706.05394"
    )
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings, with both shares after each epoch."""
        del quick  # fewer seeds: it takes the time it takes to learn by heart
        found: dict[str, list[list[float]]] = {"right": [], "wrong": [], "valid": []}
        for seed in seeds:
            for name, values in _shares(seed).items():
                found[name].append(values)
        return found

    def judge(self, numbers: Numbers) -> Verdict:
        """By the shares and when they reach a half."""
        ends = [run[-1] for run in numbers["wrong"]]
        firsts = {name: [_first(run) for run in numbers[name]] for name in ("right", "wrong")}
        best, last = [max(run) for run in numbers["valid"]], [run[-1] for run in numbers["valid"]]
        where = (
            f"In the end {spread(ends, '.0%')} of the wrong labels are given back; half of the right ones are at epoch "
            f"{spread(firsts['right'], '.0f')}, half of the wrong ones at {spread(firsts['wrong'], '.0f')}. The "
            f"validation accuracy is {spread(best)} at its best and {spread(last)} in the "
            "end."
        )
        later = all(b > a for a, b in zip(firsts["right"], firsts["wrong"], strict=True))
        return by_parts([min(ends) >= _LEARNT, later], where)

    def figure(self, numbers: Numbers) -> str:
        """The three shares by epoch."""
        names = {"right": "right labels", "wrong": "wrong labels", "valid": "validation, all right"}
        curves = [
            Line(words, list(range(1, _EPOCHS + 1)), middle(numbers[name]), band=outline(numbers[name]))
            for name, words in names.items()
        ]
        return lines(
            "Right labels and wrong ones",
            "How many of either the net gives back, and its accuracy on right ones that it never saw: median and range "
            "over the seeds.",
            [Panel(curves, "epoch", "share that the net gives back", y_span=(0.0, 1.02))],
        )


def _noisy(seed: int) -> tuple[Data, np.ndarray]:
    """The data with wrong labels, and which training samples have one."""
    data = built_in("digits")
    rows = data.splits["train"]
    rng = generator("memorisation", seed)
    wrong = rng.random(len(rows)) < _NOISE
    y = data.y.copy()
    y[rows[wrong]] = (y[rows[wrong]] + rng.integers(1, len(data.classes), int(wrong.sum()))) % len(data.classes)
    return replace(data, y=y), wrong


def _shares(seed: int) -> dict[str, list[float]]:
    data, wrong = _noisy(seed)
    is_wrong = torch.from_numpy(wrong)
    recipe = plain_recipe(
        model=models.part("mlp", widths=(256, 256)), optimizer={"name": "adam", "lr": 1e-3}, epochs=_EPOCHS, seed=seed
    )
    found: dict[str, list[float]] = {"right": [], "wrong": []}
    last = 0

    @torch.no_grad()
    def look(trainer: Trainer) -> None:
        nonlocal last
        if int(trainer.epoch + 1e-9) == last:
            return
        last += 1
        x, y = next(trainer.feed.passes(len(trainer.feed), len(trainer.feed)))
        given = trainer.model(x).argmax(dim=1) == y
        found["right"].append(float(given[~is_wrong].float().mean()))
        found["wrong"].append(float(given[is_wrong].float().mean()))

    seen = course(data, recipe, watch=look)
    return found | {"valid": [line["valid_accuracy"] for line in seen.scores]}


def _first(run: Sequence[float]) -> int:
    """The first epoch with a half; one beyond the last where there is none."""
    return next((place for place, value in enumerate(run, start=1) if value >= _HALF), len(run) + 1)
