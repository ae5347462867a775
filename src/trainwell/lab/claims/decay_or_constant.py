"""A rate that decays and one that stays, each at its best."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import torch

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import middle, outline, spread
from trainwell.lab.training import CPU, built_in, course_of, plain_recipe
from trainwell.models import models
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.training.setup import Setup, set_up

_SCHEDULES = ("constant", "step", "cosine")
_FLOOR, _NONE = "noise floor", "no noise floor"
_TOLD = {_FLOOR: "with a noise floor", _NONE: "without one"}
_PROBLEMS: dict[str, dict[str, Any]] = {
    _FLOOR: {"data": "diabetes", "widths": (), "loss": "mse", "batch": 4, "epochs": 12},
    _NONE: {"data": "digits", "widths": (64,), "loss": "cross_entropy", "batch": 16, "epochs": 5},
}
_RATES = {_FLOOR: [0.0015 * 2.0**power for power in range(8)], _NONE: [0.05 * 2.0**power for power in range(7)]}
_QUICK = {_FLOOR: slice(0, None, 2), _NONE: slice(2, None, 2)}


@claims.add
class DecayOrConstant(Claim):
    """Where the training loss ends, by schedule and rate, with and without a noise floor."""

    id = "decay-or-constant"
    chapter = "optimisation"
    statement = "A learning rate that decays ends lower than the best constant one."
    why = (
        "A large rate goes far and then rattles about the minimum, as high as the noise of the gradient lifts it; a "
        "small one settles and is slow. A rate that falls does the first, then the second."
    )
    question = "Does a decay, at its best rate, end with a lower training loss than a constant rate at its best?"
    set_up = (
        "Plain SGD, equal steps, peak rates in doublings (0.0015 to 0.19 and 0.05 to 3.2), for each schedule the one "
        "whose mean loss at the end is lowest. With a noise floor: a linear model of diabetes, batches of 4, whose "
        "error cannot become 0, 12 epochs: the loss above that of least squares. Without: digits, which one hidden "
        "layer of 64 can learn by heart, batches of 16, 5 epochs."
    )
    mark = (
        "Holds if on both problems step and cosine decay each end lower than the constant rate, on average by two "
        "standard errors over the seeds. In part if both do on one of the two problems. Else it does not hold."
    )
    source = "CS231n, Neural Networks Part 3 (annealing the learning rate); Robbins, Monro, 1951"
    num_seeds = (5, 3)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Losses at the end of each epoch, by problem, schedule and rate, seed by seed."""
        rates = {problem: every[_QUICK[problem]] if quick else every for problem, every in _RATES.items()}
        found: dict[str, dict[str, Any]] = {}
        for problem in _PROBLEMS:
            found[problem] = {
                schedule: [[_losses(problem, schedule, rate, seed) for seed in seeds] for rate in rates[problem]]
                for schedule in _SCHEDULES
            }
        return {"rates": rates, "losses": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the losses at each schedule's best rate."""
        parts, clear, texts = [], [], []
        for problem, found in numbers["losses"].items():
            ends = {schedule: _ends(rows)[_best(rows)] for schedule, rows in found.items()}
            lower = [name for name in ends if name != "constant" and _lower(ends[name], ends["constant"])]
            parts.append(len(lower) == len(ends) - 1)
            clear.append(f"{_TOLD[problem]} {' and '.join(lower) or 'neither'}")
            told = ", ".join(
                f"{name} {spread([v for v in values if v is not None], '.2g')} at {rate:.2g}"
                for name, values in ends.items()
                for rate in [numbers["rates"][problem][_best(found[name])]]
            )
            texts.append(f"{_TOLD[problem]}: {told}")
        where = (
            f"Clearly lower than the constant rate: {', '.join(clear)}. Training loss at the end, above the floor "
            f"where there is one, at the best rate, {'; '.join(texts)}."
        )
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """The loss by the rate, and the way there where there is a noise floor."""
        names = {_FLOOR: "training loss above the floor", _NONE: "training loss"}
        panels = []
        for problem, found in numbers["losses"].items():
            curves = []
            for schedule, rows in found.items():
                by_seed = [list(column) for column in zip(*_ends(rows), strict=True)]
                curves.append(Line(schedule, numbers["rates"][problem], middle(by_seed), band=outline(by_seed)))
            title = f"{problem.capitalize()}: the end, by the rate"
            panels.append(Panel(curves, "peak rate", names[problem], title=title, log_x=True, log_y=True))
        ways = []
        for place, (schedule, rows) in enumerate(numbers["losses"][_FLOOR].items(), start=1):
            runs = rows[_best(rows)]
            ways.append(Line(schedule, list(range(1, len(runs[0]) + 1)), middle(runs), colour=place))
        title = "Noise floor: the way there, each at its best rate"
        panels.append(Panel(ways, "epoch", names[_FLOOR], title=title, log_y=True))
        return lines(
            "A rate that decays and one that stays",
            "Where the loss ends for each schedule and rate, with a noise floor and without one, and the way there: "
            "medians, with the range over the seeds of the ends.",
            panels,
        )


def _losses(problem: str, schedule: str, rate: float, seed: int) -> list[float] | None:
    """The training loss at the end of each epoch, above the floor where there is one; None where it diverged."""
    how = _PROBLEMS[problem]
    recipe = plain_recipe(
        model=models.part("mlp", widths=how["widths"]),
        loss=how["loss"],
        optimizer={"name": "sgd", "lr": rate, "momentum": 0.0},
        schedule=schedule,
        batch_size=how["batch"],
        epochs=how["epochs"],
        seed=seed,
    )
    setup = set_up(built_in(how["data"]), recipe, CPU.device)
    floor = _least_squares(setup) if problem == _FLOOR else 0.0
    found = course_of(setup)
    return None if found.diverged else [line["train_loss"] - floor for line in found.scores]


def _least_squares(setup: Setup) -> float:
    """The training loss of least squares: no linear model has a lower one."""
    x, y = next(setup.feeds["train"].passes(1000, 1000))
    x = torch.cat((x.double(), torch.ones(len(x), 1, dtype=torch.float64)), dim=1)
    rest = y.double() - x @ torch.linalg.lstsq(x, y.double()).solution
    return float(rest.square().mean())


def _ends(rows: Sequence[Sequence[Sequence[float] | None]]) -> list[list[float | None]]:
    """Of each rate, the loss at the end under each seed."""
    return [[None if run is None else run[-1] for run in row] for row in rows]


def _best(rows: Sequence[Sequence[Sequence[float] | None]]) -> int:
    """The place of the rate whose mean loss at the end is lowest."""
    ends = [[math.inf if value is None else value for value in row] for row in _ends(rows)]
    return min(range(len(ends)), key=lambda place: statistics.fmean(ends[place]))


def _lower(values: Sequence[float | None], others: Sequence[float | None]) -> bool:
    """Whether the values are lower on average by two standard errors of the difference."""
    gains = [b - a for a, b in zip(values, others, strict=True) if a is not None and b is not None]
    return statistics.fmean(gains) > 2 * statistics.stdev(gains) / math.sqrt(len(gains))
