"""Random search and a grid, where one of two parameters matters."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import optuna

from trainwell.draws import generator
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.report.charts.bars import Bar, bars
from trainwell.search.space import Range, Space
from trainwell.search.storage import quiet
from trainwell.search.strategies import Turn, strategies

_SIZES = (9, 16)
_SPACE = Space(tuple(Range(name=name, key=name, low=0.0, high=1.0) for name in ("a", "b")))


@claims.add
class RandomBeatsGrid(Claim):
    """The best of as many trials by either strategy."""

    id = "random-beats-grid"
    chapter = "search"
    statement = "Where few of the parameters matter, random search finds better settings than a grid of the same size."
    why = "Nine random points try nine values of the parameter that matters; a grid of nine tries three."
    question = "How often is the best of 9 or 16 random settings nearer to the optimum than the best of a grid?"
    set_up = (
        "Two parameters in 0..1, a distance from an optimum that is drawn anew in every problem: in one parameter "
        "alone, or in both. 9 and 16 trials of the strategies random and grid on each problem."
    )
    mark = (
        "Holds if with one parameter that matters random search is nearer in more than half of the problems and in the "
        "mean distance, with 9 and with 16 trials, by two standard errors. In part if some of this. Else it does not "
        "hold. Where both matter it is shown beside it."
    )
    source = "Bergstra, Bengio, 2012, https://jmlr.org/papers/v13/bergstra12a.html"
    num_seeds = (300, 100)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Distances of the best, problem by problem."""
        del quick  # fewer problems
        found: dict[str, Any] = {}
        for size in _SIZES:
            tried = {
                "random": [_settings("random", size, seed) for seed in seeds],
                "grid": [_settings("grid", size, 0)] * len(seeds),
            }
            for matters, distance in (("one", _in_one), ("both", _in_both)):
                optima = [generator("random-beats-grid", seed).random(2).tolist() for seed in seeds]
                found[f"{size} trials, {matters}"] = {
                    name: [
                        min(distance(point, optimum) for point in points)
                        for points, optimum in zip(by_seed, optima, strict=True)
                    ]
                    for name, by_seed in tried.items()
                }
        return {"distances": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the share of the problems, and the mean."""
        parts, texts = [], []
        for name, found in numbers["distances"].items():
            gains = [g - r for g, r in zip(found["grid"], found["random"], strict=True)]
            many = len(gains)
            share = sum(gain > 0 for gain in gains) / many
            error = statistics.stdev(gains) / math.sqrt(many)
            texts.append(f"{name}: {share:.0%}, mean {_mean(found, 'random'):.3f} against {_mean(found, 'grid'):.3f}")
            if name.endswith("one"):
                parts += [share - 0.5 > 2 * math.sqrt(0.25 / many), statistics.fmean(gains) > 2 * error]
        where = f"Problems in which random search is nearer, and mean distances, by what matters: {'; '.join(texts)}."
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """The mean distances."""
        rows = [
            Bar(f"{name}: {way}", _mean(found, way), colour=colour)
            for name, found in numbers["distances"].items()
            for colour, way in enumerate(("random", "grid"), start=1)
        ]
        return bars(
            "How far the best setting is from the optimum",
            "Random search is nearer where one of two parameters matters.",
            rows,
            x_label="mean distance",
        )


def _settings(strategy: str, size: int, seed: int) -> list[tuple[float, float]]:
    """What a strategy proposes."""
    points = []
    with quiet():
        study = optuna.create_study()
        for number in range(size):
            study.sampler = strategies.build(strategy, Turn(space=_SPACE, number=number, count=size, seed=seed))
            settings = _SPACE.suggest(study.ask())
            points.append((float(settings["a"]), float(settings["b"])))
    return points


def _in_one(point: Sequence[float], optimum: Sequence[float]) -> float:
    return abs(point[0] - optimum[0])


def _in_both(point: Sequence[float], optimum: Sequence[float]) -> float:
    return math.dist(point, optimum)


def _mean(found: dict[str, Any], way: str) -> float:
    return statistics.fmean(found[way])
