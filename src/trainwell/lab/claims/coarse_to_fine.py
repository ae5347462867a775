"""A search in two stages and one in a single stage, at equal budget."""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna

from trainwell.draws import key
from trainwell.errors import Diverged
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import spread
from trainwell.lab.training import CPU, built_in, ends_of, plain_recipe
from trainwell.models import models
from trainwell.report.charts.bars import Bar, bars
from trainwell.search.space import Range, Settings, Space
from trainwell.search.storage import quiet
from trainwell.search.strategies import Turn, strategies
from trainwell.training.setup import set_up

_RATES = tuple(0.003 * 10 ** (3 * place / 8) for place in range(9))
_DECAYS = (1e-4, 1e-3, 1e-2, 1e-1)
_SPACE = Space(
    (
        Range(name="lr", key="optimizer.lr", low=_RATES[0], high=_RATES[-1], log=True),
        Range(name="decay", key="optimizer.weight_decay", low=_DECAYS[0], high=_DECAYS[-1], log=True),
    )
)
_DATA = {"digits": 300, "spirals": 400}  # and training samples
_EPOCHS, _SHORT = 12, 4
_BUDGETS = (8, 16)  # full trainings
_KEPT, _BELOW, _ABOVE = 2, 4.0, 2.0  # `tune` narrows so, around so many


@claims.add
class CoarseToFine(Claim):
    """The validation loss of what either search finds."""

    id = "coarse-to-fine"
    chapter = "search"
    statement = "A coarse search by short trainings, then a fine one around the best, beats one stage at equal budget."
    why = "Short trainings tell bad settings as well as long ones do, and the long ones then go where it matters."
    question = "Which search ends with the lower validation loss, for as many steps of training?"
    set_up = (
        "Rate (0.003 to 3) by weight decay (1e-4 to 0.1) of one hidden layer of 32, SGD with momentum 0.9 under a "
        "cosine, on 300 digits and 400 points of spirals. The validation loss is measured at 9 x 4 settings, after 12 "
        "epochs and after 3, and interpolated between them, no higher than that of guessing. Budgets of 8 and 16 full "
        "trainings: all of it on random settings at full length; or half of it on four times as many at a quarter of "
        "the length, and half around the best two of these at full length, narrowed as `tune` narrows, the best one "
        "first. A hundred searches, each on the measurements of every seed, over which its loss is averaged. Guessing "
        "has a loss of 2.30 on digits and of 1.10 on spirals."
    )
    mark = (
        "Holds if on both data sets and with both budgets the mean validation loss of what is found is lower in two "
        "stages, by two standard errors over the searches. In part if in some of the four. Else it does not hold."
    )
    source = "CS231n, Neural Networks Part 3 (hyperparameter optimization: coarse to fine)"
    num_seeds = (3, 3)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Losses of what is found, data set by data set, budget by budget."""
        searches = 80 if quick else 100
        found: dict[str, dict[str, list[float]]] = {}
        shown = {}
        for name in _DATA:
            surfaces = [[_surface(name, epochs, seed) for epochs in (_EPOCHS / _SHORT, _EPOCHS)] for seed in seeds]
            shown[name] = surfaces[0]
            for budget in _BUDGETS:
                pairs = [
                    (_one_stage(long, budget, number), _two_stages(short, long, budget, number))
                    for short, long in surfaces
                    for number in range(searches)
                ]
                one, two = zip(*pairs, strict=True)
                found[f"{name}, {budget}"] = {"one stage": list(one), "two stages": list(two)}
            lowest = [float(long.min()) for _, long in surfaces]
            found[f"{name}, {_BUDGETS[0]}"]["lowest"] = found[f"{name}, {_BUDGETS[1]}"]["lowest"] = lowest
        return {"found": found, "surfaces": shown}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the mean losses."""
        clear, doubtful, parts, texts = [], [], [], []
        for name, found in numbers["found"].items():
            one, two = (_by_seed(found, way) for way in ("one stage", "two stages"))
            rows = [[a - b for a, b in zip(*pair, strict=True)] for pair in zip(one, two, strict=True)]
            mean, error = _mean_and_error(rows)
            parts.append(mean > 2 * error)
            if parts[-1]:
                clear.append(_told(name))
            else:
                doubtful.append(_told(name))
            texts.append(
                f"{_told(name)}: {_mean_and_error(two)[0]:.3f} in two stages, {_mean_and_error(one)[0]:.3f} in one (a "
                f"gain of {mean:.3f} ± {error:.3f}, by seed {spread([statistics.fmean(row) for row in rows], '+.3f')}; "
                f"the lowest measured is {statistics.fmean(found['lowest']):.3f})"
            )
        where = (
            f"Two stages end lower by two standard errors on {', '.join(clear) or 'none'}; not "
            f"lower so on {', '.join(doubtful) or 'none'}. Mean validation losses: {'; '.join(texts)}."
        )
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """The mean losses above the lowest one."""
        rows = []
        for name, found in numbers["found"].items():
            lowest = statistics.fmean(found["lowest"])
            for colour, way in enumerate(("two stages", "one stage"), start=1):
                mean, error = _mean_and_error(_by_seed(found, way))
                mean -= lowest
                span = (mean - 2 * error, mean + 2 * error)
                rows.append(Bar(f"{name}: {way}", mean, span, f"{mean:.3f}", colour))
        return bars(
            "How far what is found is from the lowest loss measured",
            "Mean over the searches with two standard errors, by data set and budget in full trainings.",
            rows,
            x_label="validation loss above the lowest, with two standard errors",
        )


def _surface(name: str, epochs: float, seed: int) -> np.ndarray:
    """The validation loss after so many epochs, rates by decays; no higher than that of guessing."""
    data = built_in(name)
    few = replace(
        data, splits={**data.splits, "train": data.splits["train"][:: len(data.splits["train"]) // _DATA[name]]}
    )
    guessing = math.log(len(data.classes))
    losses = []
    for rate, decay in itertools.product(_RATES, _DECAYS):
        recipe = plain_recipe(
            model=models.part("mlp", widths=(32,)),
            optimizer={"name": "sgd", "lr": rate, "momentum": 0.9, "weight_decay": decay},
            schedule="cosine",
            batch_size=32,
            epochs=epochs,
            seed=seed,
        )
        try:
            losses.append(min(guessing, ends_of(set_up(few, recipe, CPU.device))["valid_loss"]))
        except Diverged:
            losses.append(guessing)
    return np.array(losses).reshape(len(_RATES), len(_DECAYS))


def _told(name: str) -> str:
    """Data and budget in words."""
    return name.replace(", ", " at budget ")


def _by_seed(found: Mapping[str, Sequence[float]], way: str) -> list[Sequence[float]]:
    """What the searches found, a row a seed: each search is one place of all rows."""
    values, seeds = found[way], len(found["lowest"])
    many = len(values) // seeds
    return [values[place * many : (place + 1) * many] for place in range(seeds)]


def _mean_and_error(rows: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Mean, and its standard error over the searches, each of which counts once: it draws alike on every seed."""
    searches = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    return statistics.fmean(searches), statistics.stdev(searches) / math.sqrt(len(searches))


def _one_stage(surface: np.ndarray, budget: int, number: int) -> float:
    """The loss of the best of as many settings as the budget has."""
    return min(_at(surface, settings) for settings in _drawn(_SPACE, budget, key("one stage", number)))


def _two_stages(short: np.ndarray, long: np.ndarray, budget: int, number: int) -> float:
    """The loss of the best setting behind a coarse stage of half the budget and a fine one of the other half."""
    coarse = _drawn(_SPACE, budget // 2 * _SHORT, key("coarse", number))
    best = sorted(coarse, key=lambda settings: _at(short, settings))[:_KEPT]
    narrow = _SPACE.narrowed(best, _BELOW, _ABOVE)
    fine = [best[0], *_drawn(narrow, budget // 2 - 1, key("fine", number))]
    return min(_at(long, settings) for settings in fine)


def _drawn(space: Space, count: int, seed: int) -> list[Settings]:
    """Settings that random search proposes."""
    found = []
    with quiet():
        study = optuna.create_study()
        for number in range(count):
            study.sampler = strategies.build("random", Turn(space=space, number=number, count=count, seed=seed))
            found.append(space.suggest(study.ask()))
    return found


def _at(surface: np.ndarray, settings: Settings) -> float:
    """The loss at a setting, straight between the four measured about it, by the logarithms of rate and decay."""
    places = []
    for name, known in (("lr", _RATES), ("decay", _DECAYS)):
        places.append(float(np.interp(math.log(settings[name]), np.log(known), range(len(known)))))
    row, column = (min(int(place), size - 2) for place, size in zip(places, surface.shape, strict=True))
    down, across = places[0] - row, places[1] - column
    square = surface[row : row + 2, column : column + 2]
    return float(np.array([1 - down, down]) @ square @ np.array([1 - across, across]))
