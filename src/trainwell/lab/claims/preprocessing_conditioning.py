"""What standardised inputs do for training."""

from collections.abc import Sequence
from typing import Any

import torch

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import spread
from trainwell.lab.training import CPU, Course, built_in, course_of, plain_recipe
from trainwell.models import models
from trainwell.report.charts.lines import Line, Panel, lines
from trainwell.training.setup import Setup, set_up

_WAYS = {"as it is": "none", "standardised": "standardize"}
_DATA = "wine"
_BETTER = 10.0
_COUNTS = 0.1
_ROUNDING = 1e-6


@claims.add
class PreprocessingConditioning(Claim):
    """Curvatures, usable rates and features that count, with raw and standardised inputs."""

    id = "preprocessing-conditioning"
    chapter = "data"
    statement = (
        "Standardised inputs make the loss better conditioned: the curvatures are more alike, larger rates can be "
        "used, and all features count."
    )
    why = (
        "The curvature of a linear layer goes by the second moments of its inputs; a large feature bounds the rate of "
        "all."
    )
    question = (
        "By how much do the ratio of the curvatures, the largest rate that trains and the features in use differ?"
    )
    set_up = (
        "Wine, 13 columns of spreads from 0.1 to 300, a linear classifier, whole batches, plain SGD at rates in steps "
        "of the root of 10: the ratio of the largest to the smallest eigenvalue of the inputs' second moments; the "
        "largest rate at which the loss falls at every one of 100 steps; at the best rate, the share of the columns "
        "whose part in the outputs (weight times spread) is a tenth of the largest one's or more."
    )
    mark = (
        "Holds if standardised inputs have a smaller ratio and a larger largest rate, both by 10 times or more (the "
        "claim names no number), and all columns count, beside fewer before. In part if some of the three. Else it "
        "does not hold."
    )
    source = "CS231n, Training Neural Networks I (data preprocessing); LeCun et al., Efficient BackProp, 1998"
    num_seeds = (3, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings at every rate."""
        rates = [10.0 ** (half / 2) for half in range(-14, 5, 2 if quick else 1)]
        found: dict[str, dict[str, Any]] = {}
        for name, way in _WAYS.items():
            usable, counting, ratios, curves = [], [], [], []
            for seed in seeds:
                setups = [_setup(way, rate, seed, quick) for rate in rates]
                ratios.append(_ratio(setups[0]))
                courses = [course_of(setup) for setup in setups]
                ends = [_end(one) for one in courses]
                usable.append(max((r for r, one in zip(rates, courses, strict=True) if _falls(one)), default=0.0))
                best = min((end, place) for place, end in enumerate(ends) if end is not None)[1]
                counting.append(_counting(setups[best]))
                curves.append(ends)
            found[name] = {"ratio": ratios, "largest_rate": usable, "counting": counting, "ends": curves}
        return {"rates": rates, "found": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the three."""
        raw, better = numbers["found"]["as it is"], numbers["found"]["standardised"]
        ratios = [a / b for a, b in zip(raw["ratio"], better["ratio"], strict=True)]
        rates = [b / a if a else float("inf") for a, b in zip(raw["largest_rate"], better["largest_rate"], strict=True)]
        counting = all(b > a for a, b in zip(raw["counting"], better["counting"], strict=True))
        where = (
            f"The ratio of the curvatures falls from {spread(raw['ratio'], '.1e')} to "
            f"{spread(better['ratio'], '.1e')}; the largest rate rises from {spread(raw['largest_rate'], '.1e')} to "
            f"{spread(better['largest_rate'], '.1e')}; of the columns {spread(raw['counting'], '.0%')} count before "
            f"and {spread(better['counting'], '.0%')} after."
        )
        return by_parts(
            [min(ratios) >= _BETTER, min(rates) >= _BETTER, counting and min(better["counting"]) == 1.0], where
        )

    def figure(self, numbers: Numbers) -> str:
        """The loss behind 100 steps, by the rate."""
        curves = [Line(name, numbers["rates"], found["ends"][0]) for name, found in numbers["found"].items()]
        return lines(
            "The loss after 100 steps, by the rate",
            "With raw inputs only tiny rates train, and badly; standardised inputs bear rates many times larger.",
            [Panel(curves, "learning rate", "training loss", log_x=True, y_span=(0.0, 1.6))],
        )


def _setup(way: str, rate: float, seed: int, quick: bool) -> Setup:
    data = built_in(_DATA)
    recipe = plain_recipe(
        model=models.part("mlp", widths=()),
        optimizer={"name": "sgd", "lr": rate, "momentum": 0.0},
        preprocess=way,
        batch_size=len(data.splits["train"]),
        epochs=30 if quick else 100,
        seed=seed,
    )
    return set_up(data, recipe, CPU.device)


def _ratio(setup: Setup) -> float:
    """Largest over smallest eigenvalue of the second moments of the inputs and the constant of the bias."""
    x, _ = next(setup.feeds["train"].passes(1000, 1000))
    x = torch.cat((x.double(), torch.ones(len(x), 1, dtype=torch.float64)), dim=1)
    values = torch.linalg.eigvalsh(x.T @ x / len(x))
    return float(values[-1] / values[0])


def _end(found: Course) -> float | None:
    return None if found.diverged else found.losses[-1]


def _falls(found: Course) -> bool:
    """Whether no step raises the loss, beyond rounding."""
    steps = zip(found.losses, found.losses[1:], strict=False)
    return not found.diverged and all(after <= before * (1 + _ROUNDING) for before, after in steps)


def _counting(setup: Setup) -> float:
    """Share of the columns whose part in the outputs is a tenth of the largest one's or more."""
    x, _ = next(setup.feeds["train"].passes(1000, 1000))
    weight = next(p for p in setup.model.parameters() if p.ndim == 2).detach()
    part = weight.norm(dim=0) * x.std(dim=0)
    return float((part >= _COUNTS * part.max()).float().mean())
