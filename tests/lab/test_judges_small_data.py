"""The judges of the claims on rates, searches and small data, on numbers made up for each of their verdicts."""

from typing import Any

import pytest

from trainwell.lab.claims import claims

HOLDS, IN_PART, NOT = "holds", "holds in part", "does not hold here"


def _decays(floor: float, digits: float) -> dict[str, Any]:
    """Three seeds and two rates; the decays end so many times as high as the constant rate."""

    def rows(best: float) -> list[list[list[float] | None]]:
        return [[[2.0, best * share] for share in (0.9, 1.0, 1.1)], [[2.0, 2.0], None, [2.0, 2.0]]]

    ends = {"noise floor": floor, "no noise floor": digits}
    return {
        "rates": {problem: [0.1, 0.2] for problem in ends},
        "losses": {p: {"constant": rows(1.0), "step": rows(end), "cosine": rows(end)} for p, end in ends.items()},
    }


def _batches(middle: int, last: int) -> dict[str, Any]:
    """The loss is lowest at the first rate for batches of 4, and at these for 64 and 1024."""

    def row(best: int) -> list[float | None]:
        return [0.1 if place == best else 1.0 for place in range(4)] + [None]

    places = {"4": 0, "64": middle, "1024": last}
    return {"rates": [0.1, 0.2, 0.4, 0.8, 1.6], "ends": {b: [row(best)] * 2 for b, best in places.items()}}


def _searched(gains: list[float]) -> dict[str, Any]:
    names = ("digits, 8", "digits, 16", "spirals, 8", "spirals, 16")
    spread = (-0.01, 0.0, 0.01)
    return {
        "found": {
            name: {"one stage": [0.5 + s for s in spread], "two stages": [0.5 - gain] * 3, "lowest": [0.2]}
            for name, gain in zip(names, gains, strict=True)
        }
    }


def _read(score: str, words: str, gap: float, dropout: float, width: float) -> dict[str, Any]:
    def rows(gain: float) -> list[list[float]]:
        return [[0.8 + gap, 0.8 + gain + noise] for noise in (0.0, 0.001)]

    scores = {"as it is": [[0.8 + gap, 0.8]] * 2, "dropout 0.5": rows(dropout), "4 times as wide": rows(width)}
    return {"score": score, "scores": scores, "words": [words] * 2}


def _curves(dropout: float, width: float, words: str = "no gap, so more capacity") -> dict[str, Any]:
    return {
        "100 digits, two layers of 64": _read("accuracy", "a gap, so regularise", 0.2, dropout, 0.0),
        "diabetes, two layers of 64": _read("r2", "a gap, so regularise", 0.2, dropout, 0.0),
        "digits, one layer of 3": _read("accuracy", words, 0.0, 0.0, width),
        "spirals, one layer of 4": _read("accuracy", words, 0.0, 0.0, width),
    }


def _regularised(conv: float, residual: float) -> dict[str, Any]:
    """Gaps with a regulariser, beside 0.3 without; those with half of that also help."""

    def found(gap: float) -> dict[str, list[float]]:
        return {"train_loss": [0.1], "valid_loss": [0.1 + gap], "train_accuracy": [1.0], "valid_accuracy": [0.9]}

    made = {"none": 0.3, "L2": conv, "none, residual": 0.3, "stochastic depth": residual}
    return {"found": {name: found(gap) for name, gap in made.items()}}


def _cropped(patches: float, digits: float) -> dict[str, Any]:
    def found(gain: float) -> dict[str, list[float]]:
        return {"centre crop": [0.5, 0.52], "10 crops": [0.5 + gain, 0.53 + gain], "10 crops, 3 scales": [0.52, 0.54]}

    return {"found": {"photo patches": found(patches), "digits in a field": found(digits)}}


def _transferred(head: float, tenth: float, full: float) -> dict[str, Any]:
    little = {"scratch": [0.8, 0.81], "head": [head, head + 0.02], "tenth": [0.8, 0.8], "full rate": [0.8, 0.8]}
    more = {
        "scratch": [0.9, 0.9],
        "head": [0.85, 0.86],
        "tenth": [tenth, tenth],
        "full rate": [full, full + 0.001],
    }
    return {"found": {split: {"little": little, "more": more} for split in ("0-4 to 5-9", "0-7 to 8-9")}}


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("decay-or-constant", _decays(0.1, 0.1), HOLDS),
    ("decay-or-constant", _decays(0.1, 1.1), IN_PART),
    ("decay-or-constant", _decays(1.0, 1.1), NOT),
    ("batch-scales-lr", _batches(2, 3), HOLDS),
    ("batch-scales-lr", _batches(1, 2), IN_PART),
    ("batch-scales-lr", _batches(1, 3), NOT),
    ("coarse-to-fine", _searched([0.1] * 4), HOLDS),
    ("coarse-to-fine", _searched([0.1, 0.0, 0.1, 0.1]), IN_PART),
    ("coarse-to-fine", _searched([0.0, -0.1, 0.005, 0.0]), NOT),
    ("curves-tell", _curves(0.05, 0.1), HOLDS),
    ("curves-tell", _curves(-0.01, 0.1), IN_PART),
    ("curves-tell", _curves(0.05, 0.1, "a gap, so regularise"), IN_PART),
    ("curves-tell", _curves(-0.01, -0.1), NOT),
    ("regularisers-narrow", _regularised(0.1, 0.2), HOLDS),
    ("regularisers-narrow", _regularised(0.4, 0.2), IN_PART),
    ("regularisers-narrow", _regularised(0.4, 0.3), NOT),
    ("multi-crop", _cropped(0.1, 0.1), HOLDS),
    ("multi-crop", _cropped(0.1, -0.1), IN_PART),
    ("transfer", _transferred(0.85, 0.95, 0.9), HOLDS),
    ("transfer", _transferred(0.7, 0.95, 0.9), IN_PART),
    ("transfer", _transferred(0.7, 0.85, 0.9), NOT),
]


@pytest.mark.parametrize(("id", "numbers", "word"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_made_up_numbers_are_judged_as_the_mark_has_it(id: str, numbers: dict[str, Any], word: str) -> None:
    assert claims[id].judge(numbers).word == word


def test_a_search_counts_once_however_many_seeds_it_was_scored_on() -> None:
    numbers = _searched([0.1] * 4)
    for found in numbers["found"].values():
        found["one stage"] = [0.5 + gain for gain in (0.1, 0.0, -0.02)]
        found["two stages"] = [0.5] * 3
    once = claims["coarse-to-fine"].judge(numbers)
    for found in numbers["found"].values():
        for name in found:
            found[name] = found[name] * 9
    assert claims["coarse-to-fine"].judge(numbers).word == once.word == NOT


def test_a_reading_says_what_is_not_as_claimed() -> None:
    where = claims["curves-tell"].judge(_curves(0.05, 0.1, "a gap, so regularise")).where
    so, _, rest = where.partition("; not so: ")
    assert "diabetes" in so
    assert rest.startswith("digits, one layer of 3 (read otherwise on 2 of 2 seeds)")
