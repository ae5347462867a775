"""Where the validation loss turns."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import middle, outline, spread
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.lines import Line, Panel, lines

_SAMPLES, _EPOCHS = 400, 100
_TURNED = 1.05


@claims.add
class EarlyStopping(Claim):
    """Training and validation curves of a net that overfits."""

    id = "early-stopping"
    chapter = "regularisation"
    statement = "The validation loss turns and rises while the training loss goes on falling: that is where to stop."
    why = "What is learnt last is what the training samples alone have."
    question = "Does it turn, and is the accuracy at its best where the loss is lowest?"
    set_up = (
        "400 training digits, two layers of 256, Adam at 3e-3, 100 epochs, no regularisation: the loss and the "
        "accuracy of both splits after each epoch."
    )
    mark = (
        "Holds if on every seed the validation loss ends 5 % or more above its lowest while the training loss has gone "
        "on falling from there, and the best accuracy is reached within 5 epochs of that turn. In part if one of the "
        "two. Else it does not hold."
    )
    source = "CS231n, Training Neural Networks II; Hands-On Machine Learning, chapter 4 (early stopping)"

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """The curves."""
        del quick  # fewer seeds
        names = ("train_loss", "valid_loss", "valid_accuracy")
        found: dict[str, list[list[float]]] = {name: [] for name in names}
        data = built_in("digits")
        few = replace(data, splits={**data.splits, "train": data.splits["train"][:_SAMPLES]})
        for seed in seeds:
            recipe = plain_recipe(
                model=models.part("mlp", widths=(256, 256)),
                optimizer={"name": "adam", "lr": 3e-3},
                epochs=_EPOCHS,
                seed=seed,
            )
            scores = course(few, recipe).scores
            for name in names:
                found[name].append([line[name] for line in scores])
        return found

    def judge(self, numbers: Numbers) -> Verdict:
        """By where the loss and the accuracy are best."""
        valid = numbers["valid_loss"]
        turns = [run.index(min(run)) + 1 for run in valid]
        best = [run.index(max(run)) + 1 for run in numbers["valid_accuracy"]]
        rises = [run[-1] / min(run) for run in valid]
        falls = all(run[-1] < run[turn - 1] for run, turn in zip(numbers["train_loss"], turns, strict=True))
        lost = [(max(run) - run[turn - 1]) * 100 for run, turn in zip(numbers["valid_accuracy"], turns, strict=True)]
        where = (
            f"The validation loss is lowest after {spread(turns, '.0f')} epochs and ends at {spread(rises, '.2f')} "
            f"times that. The accuracy is best after {spread(best, '.0f')}: where the loss turns it is "
            f"{spread(lost, '.1f')} points below its best. Which metric is watched has to be said."
        )
        near = all(abs(a - b) <= 5 for a, b in zip(turns, best, strict=True))
        return by_parts([min(rises) >= _TURNED and falls, near], where)

    def figure(self, numbers: Numbers) -> str:
        """The curves of both losses, and the accuracy."""
        epochs = list(range(1, len(numbers["valid_loss"][0]) + 1))

        def line(name: str, words: str, colour: int) -> Line:
            return Line(words, epochs, middle(numbers[name]), band=outline(numbers[name]), colour=colour)

        return lines(
            "The validation loss turns",
            "The training loss falls to the end; the validation loss turns early; the accuracy does not fall with it.",
            [
                Panel([line("train_loss", "training", 1), line("valid_loss", "validation", 2)], "epoch", "loss",
                      log_y=True),
                Panel([line("valid_accuracy", "", 2)], "epoch", "validation accuracy"),
            ],
        )  # fmt: skip
