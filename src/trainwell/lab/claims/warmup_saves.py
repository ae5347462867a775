"""Warm-up at rates that diverge without it."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.networks import stack
from trainwell.lab.spread import middle, outline
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.report.charts.lines import Line, Panel, lines

_RATES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
_WARMUPS = {"without": 0.0, "with": 0.1}
_SCHEDULES = ("constant", "cosine")
_CLASSES = 10
_LOST, _TRAINED = 0.95, 0.9


@claims.add
class WarmupSaves(Claim):
    """Trainings by rate, with warm-up and without, in front of two schedules."""

    id = "warmup-saves"
    chapter = "optimisation"
    statement = (
        "A learning rate at which training diverges trains well with a warm-up over the first 10 % of the steps."
    )
    why = "The first gradients are the largest; once the weights have left that region a larger rate is stable."
    question = "Is there a rate that fails without warm-up and trains with it, whatever schedule stands behind it?"
    set_up = (
        "Digits, six ReLU layers of 64 from He's rule, SGD with momentum 0.9, 6 epochs of batches of 64 at six "
        "rates from 0.05 to 0.5, with the rate constant and with a cosine to 0, each with 10 % of warm-up in front and "
        "without: the training loss and accuracy at the end. These are some 150 steps, 15 of them of warm-up; a rate "
        "that is saved between those tried is not seen."
    )
    mark = (
        "It fails if the loss ends not finite, or at 95 % of log 10 or more: what guessing gives. It trains if it ends "
        "with 90 % of its training samples right. A schedule passes if at some rate every seed fails without warm-up "
        "and every seed trains with it. Holds if both schedules pass, in part if one does, else it does not hold."
    )
    source = "Goyal et al., 2017, https://arxiv.org/abs/1706.02677; CS231n, Training Neural Networks II"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings at every rate."""
        del quick  # fewer seeds: the window of rates may be narrow
        ends = {
            schedule: {
                name: [[_end(schedule, warmup, rate, seed) for rate in _RATES] for seed in seeds]
                for name, warmup in _WARMUPS.items()
            }
            for schedule in _SCHEDULES
        }
        return {
            "rates": _RATES,
            "loss": {s: {n: [[e[0] for e in row] for row in rows] for n, rows in by.items()} for s, by in ends.items()},
            "accuracy": {
                s: {n: [[e[1] for e in row] for row in rows] for n, rows in by.items()} for s, by in ends.items()
            },
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the rates that warm-up saves on every seed."""
        parts, saves, texts = [], [], []
        for schedule in _SCHEDULES:
            ends = {
                name: [
                    [_word(*end) for end in zip(*row, strict=True)]
                    for row in zip(numbers["loss"][schedule][name], numbers["accuracy"][schedule][name], strict=True)
                ]
                for name in _WARMUPS
            }
            saved = _changed(ends["without"], ends["with"])
            failed = _counted(ends["without"], ends["with"])
            trained = _counted(ends["with"], ends["without"])
            always = [
                rate for rate, column in zip(numbers["rates"], zip(*saved, strict=True), strict=True) if all(column)
            ]
            parts.append(bool(always))
            saves.append(f"{schedule} at {', '.join(f'{rate:g}' for rate in always) or 'no rate'}")
            texts.append(
                f"{schedule}, of {sum(failed.values())} trainings that failed without, {failed['trains']} trained with "
                f"it and {failed['between']} ended in between; of {sum(trained.values())} that failed with it, "
                f"{trained['trains']} trained without"
            )
        where = (
            f"What fails without warm-up trains with it, on every seed: {', '.join(saves)}. By training: "
            f"{'; '.join(texts)}."
        )
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """The accuracy by the rate."""
        panels = [
            Panel(
                [
                    Line(f"{name} warm-up", numbers["rates"], middle(rows), band=outline(rows))
                    for name, rows in numbers["accuracy"][schedule].items()
                ],
                "peak rate",
                "training accuracy at the end",
                title=f"then {schedule}",
                log_x=True,
                y_span=(0.0, 1.02),
            )
            for schedule in _SCHEDULES
        ]
        return lines(
            "The rates that train, with warm-up and without",
            "Median and range over the seeds of the accuracy at each peak rate, for two schedules.",
            panels,
        )


def _end(schedule: str, warmup: float, rate: float, seed: int) -> tuple[float | None, float]:
    """Loss and accuracy on the training samples at the end; no loss and 0 where it is not finite."""
    model = stack("relu", "he_normal", (64,) * 7, seed=seed, head=_CLASSES)
    recipe = plain_recipe(
        optimizer={"name": "sgd", "lr": rate, "momentum": 0.9}, schedule=schedule, warmup=warmup, epochs=6, seed=seed
    )
    found = course(built_in("digits"), recipe, model)
    return found.last("train_loss"), found.last("train_accuracy") or 0.0


def _word(loss: float | None, accuracy: float) -> str:
    """How a training ended."""
    if loss is None or loss >= _LOST * math.log(_CLASSES):
        return "fails"
    return "trains" if accuracy >= _TRAINED else "between"


def _changed(one: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> list[list[bool]]:
    """Which trainings fail in the first way and train in the other."""
    return [
        [a == "fails" and b == "trains" for a, b in zip(first, second, strict=True)]
        for first, second in zip(one, other, strict=True)
    ]


def _counted(one: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> Counter[str]:
    """How the trainings that fail in the first way end in the other."""
    pairs = zip(itertools.chain(*one), itertools.chain(*other), strict=True)
    return Counter(b for a, b in pairs if a == "fails")
