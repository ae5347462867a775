"""What the gap between the curves says to change."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trainwell.data.dataset import Data
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import spread
from trainwell.lab.training import CPU, built_in, ends_of, plain_recipe
from trainwell.method.tune.again import read
from trainwell.models import models
from trainwell.recipe import Recipe
from trainwell.report.charts.bars import Bar, bars
from trainwell.training.setup import set_up

_P, _WIDER, _MANY = 0.5, 4, 1000
_CASES: dict[str, dict[str, Any]] = {
    "100 digits, two layers of 64": {"data": "digits", "rows": 100, "widths": (64, 64), "epochs": 40, "gap": True},
    "diabetes, two layers of 64": {"data": "diabetes", "widths": (64, 64), "epochs": 40, "gap": True},
    "digits, one layer of 3": {"data": "digits", "widths": (3,), "epochs": 8, "gap": False},
    "spirals, one layer of 4": {"data": "spirals", "widths": (4,), "epochs": 10, "gap": False},
}
_AS_IT_IS, _REGULARISED, _LARGER = "as it is", "dropout 0.5", "4 times as wide"


@claims.add
class CurvesTell(Claim):
    """The validation score with more regularisation and with more capacity, where there is a gap and where not."""

    id = "curves-tell"
    chapter = "method"
    statement = (
        "A large gap between training and validation asks for regularisation; no gap and a low score ask for capacity."
    )
    why = (
        "A gap is what was learnt of the training samples alone; without one the network cannot even hold what all "
        "samples share."
    )
    question = "Does the change that the curves ask for raise the validation score, and the other one less?"
    set_up = (
        "Adam at 3e-3 under a cosine, four programs: 100 digits and diabetes on two layers of 64 overfit; digits on "
        "one layer of 3 and spirals on one of 4 have too few units. Each as it is, with dropout 0.5, and 4 times as "
        "wide: one remedy of each kind, at one strength. The accuracy or R2 of both splits at the end, and what the "
        "reading of the curves by `tune` says of the first."
    )
    mark = (
        "Holds if in all four the curves of every seed are read as meant, and the change they ask for raises the "
        "validation score, on average by two standard errors over the seeds, and by more than the other. In part if in "
        "some of the four. Else it does not hold."
    )
    source = "CS231n, Neural Networks Part 3 (train/val accuracy); Ng, Machine Learning Yearning, 2018, chapters 20-32"
    num_seeds = (5, 3)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Scores at the end, program by program, and how they are read."""
        del quick  # fewer seeds
        found: dict[str, Any] = {}
        for name, how in _CASES.items():
            score = "r2" if how["data"] == "diabetes" else "accuracy"
            ways: dict[str, dict[str, Any]] = {_AS_IT_IS: {}, _REGULARISED: {"p": _P}, _LARGER: {"wider": _WIDER}}
            scores = {way: [_scores(how, score, seed, **change) for seed in seeds] for way, change in ways.items()}
            recipe = _recipe(how, 0)
            words = [
                read(recipe, {f"train_{score}": train, f"valid_{score}": valid}, [], images=False, tried=[]).words
                for train, valid in scores[_AS_IT_IS]
            ]
            found[name] = {"score": score, "scores": scores, "words": words}
        return found

    def judge(self, numbers: Numbers) -> Verdict:
        """By what either change gains."""
        parts, texts = [], []
        doubts: dict[str, list[str]] = {}
        for name, found in numbers.items():
            gap = _CASES[name]["gap"]
            asked, other = (_REGULARISED, _LARGER) if gap else (_LARGER, _REGULARISED)
            gains, others = (_gains(found["scores"], way) for way in (asked, other))
            sure = 2 * statistics.stdev(gains) / math.sqrt(len(gains))
            otherwise = sum(("regularise" if gap else "more capacity") not in words for words in found["words"])
            mean = statistics.fmean(gains)
            doubts[name] = [
                words
                for words, doubtful in (
                    (f"read otherwise on {otherwise} of {len(found['words'])} seeds", otherwise > 0),
                    (f"{asked} gains nothing sure", mean <= sure),
                    (f"{other} gains as much", mean <= statistics.fmean(others)),
                )
                if doubtful
            ]
            parts.append(not doubts[name])
            gaps = [train - valid for train, valid in found["scores"][_AS_IT_IS]]
            texts.append(
                f"{name} (gap in {found['score']} {spread(gaps, '.2f')}): "
                f"{asked} gains {spread(gains, '+.3f')}, {other} {spread(others, '+.3f')}"
            )
        so = [name for name in doubts if not doubts[name]]
        not_so = [f"{name} ({', '.join(words)})" for name, words in doubts.items() if words]
        where = (
            f"As claimed: {'; '.join(so) or 'none'}; not so: {'; '.join(not_so) or 'none'}. Gains in the validation "
            f"score: {'; '.join(texts)}."
        )
        return by_parts(parts, where)

    def figure(self, numbers: Numbers) -> str:
        """What either change gains."""
        rows = []
        for name, found in numbers.items():
            for colour, way in enumerate((_REGULARISED, _LARGER), start=1):
                gains = _gains(found["scores"], way)
                words = f"{name.split(',')[0]}: {'dropout' if way == _REGULARISED else 'wider'}"
                mean = statistics.fmean(gains)
                rows.append(Bar(words, mean, (min(gains), max(gains)), f"{mean:+.3f}", colour))
        return bars(
            "What either change gains in the validation score",
            "Mean and range over the seeds. The first two programs are meant to overfit, and should gain by dropout; "
            "the last two are meant to be too small, and should by width.",
            rows,
            x_label="gain in accuracy or R2",
        )


def _data(how: dict[str, Any]) -> Data:
    """The data set; where it has few training samples, the next thousand validate."""
    data = built_in(how["data"])
    if "rows" not in how:
        return data
    rows, few = data.splits["train"], how["rows"]
    return replace(data, splits={"train": rows[:few], "valid": rows[few : few + _MANY]})


def _recipe(how: dict[str, Any], seed: int, *, p: float = 0.0, wider: int = 1) -> Recipe:
    return plain_recipe(
        model=models.part(
            "mlp",
            widths=tuple(width * wider for width in how["widths"]),
            dropout={"name": "dropout", "p": p} if p else None,
        ),
        loss="mse" if how["data"] == "diabetes" else "cross_entropy",
        optimizer={"name": "adam", "lr": 3e-3},
        schedule="cosine",
        batch_size=32,
        epochs=how["epochs"],
        seed=seed,
    )


def _scores(how: dict[str, Any], score: str, seed: int, **change: Any) -> tuple[float, float]:
    """The training score and the validation score at the end."""
    line = ends_of(set_up(_data(how), _recipe(how, seed, **change), CPU.device))
    return line[f"train_{score}"], line[f"valid_{score}"]


def _gains(scores: dict[str, list[tuple[float, float]]], way: str) -> list[float]:
    """What a change gains in the validation score, seed by seed."""
    return [changed[1] - plain[1] for changed, plain in zip(scores[way], scores[_AS_IT_IS], strict=True)]
