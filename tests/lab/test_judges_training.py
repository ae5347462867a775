"""The judges of claims about small trainings, on numbers made up for each verdict."""

import math
from typing import Any

import pytest

from trainwell.lab.claims import claims

HOLDS, IN_PART, NOT = "holds", "holds in part", "does not hold here"


def _leaky(first: float, second: float) -> dict[str, Any]:
    rest = {"leaky, 0.2": [0.9, 0.91, 0.92]}
    found = {
        name: {"ReLU": [0.9, 0.91, 0.92], "leaky, 0.01": [0.9 + gain, 0.91 + gain, 0.92 + gain]} | rest
        for name, gain in (("digits", first), ("spirals", second))
    }
    return {"accuracy": found}


def _labels(wrong: list[float], right: list[float]) -> dict[str, Any]:
    return {"wrong": [wrong], "right": [right], "valid": [[0.9, 0.8]]}


def _tolerates(stds: int, rates: int) -> dict[str, Any]:
    def rows(trained: int) -> list[list[float]]:
        return [[1.0] * trained + [0.1] * (10 - trained)]

    by_std, by_rate = ({"none": rows(3), "batch": rows(many)} for many in (stds, rates))
    return {"half_decades": 1, "by_std": by_std, "by_rate": by_rate}


def _norms(small: float, large: float) -> dict[str, Any]:
    found = {name: [[0.95, 0.95]] for name in ("layer", "group")} | {"batch": [[small, large]]}
    return {"sizes": [2, 64], "accuracy": found}


def _ranked(relu: float, elu: float) -> dict[str, Any]:
    levels = {"sigmoid": 0.5, "tanh": 0.5, "relu": relu, "leaky_relu": 0.0, "elu": elu}
    levels["sigmoid"] -= 0.1 * (relu > 0.5)
    found = {name: [level + 0.01 * seed for seed in range(3)] for name, level in levels.items()}
    return {"accuracy": {"digits": found}, "best_rate": {"digits": dict.fromkeys(levels, 0.01)}}


def _sooner(*tanh: float) -> dict[str, Any]:
    ways = {"relu": "auto, 0.1", "tanh": "auto, 0.01"}
    epochs = {"relu": {ways["relu"]: [1.0] * len(tanh)}, "tanh": {ways["tanh"]: list(tanh)}}
    return {"epochs": epochs, "best": ways}


def _recurrent(smallest: float, largest: float, free: float, clipped: float) -> dict[str, Any]:
    return {
        "growth": {"torch's default": [[1.0, smallest]], "gain 2": [[1.0, largest]]},
        "rates": [0.01, 0.1],
        "accuracy": {"free": [[0.4, free]], "clipped": [[0.4, clipped]]},
    }


def _warmed(constant: bool, cosine: bool) -> dict[str, Any]:
    saved = {"constant": constant, "cosine": cosine}
    return {
        "rates": [0.1, 0.3],
        "loss": {
            name: {"without": [[0.1, None if found else 1.0]], "with": [[0.1, 0.1]]} for name, found in saved.items()
        },
        "accuracy": {name: {"without": [[0.95, 0.1]], "with": [[0.95, 0.95]]} for name in saved},
    }


CASES: dict[str, list[tuple[dict[str, Any], str]]] = {
    "leaky-not-always": [(_leaky(0.01, 0.01), HOLDS), (_leaky(0.01, -0.01), IN_PART), (_leaky(-0.01, 0.0), NOT)],
    "memorisation": [
        (_labels([0.1, 0.95], [0.8, 1.0]), HOLDS),
        (_labels([0.1, 0.6], [0.8, 1.0]), IN_PART),
        (_labels([0.5, 0.6], [0.5, 1.0]), NOT),
    ],
    "batchnorm-tolerates": [(_tolerates(8, 5), HOLDS), (_tolerates(8, 4), IN_PART), (_tolerates(3, 2), NOT)],
    "normalisation-kinds": [(_norms(0.7, 0.94), HOLDS), (_norms(0.9, 0.94), IN_PART), (_norms(0.94, 0.94), NOT)],
    "activation-ranking": [(_ranked(0.9, 0.95), HOLDS), (_ranked(0.9, 0.8), IN_PART), (_ranked(0.4, 0.3), NOT)],
    "relu-six-times": [(_sooner(3.0, 6.0), HOLDS), (_sooner(1.6, 2.0), IN_PART), (_sooner(1.4, 3.0), NOT)],
    "exploding-rnn": [
        (_recurrent(20.0, 1e6, 0.2, 0.6), HOLDS),
        (_recurrent(1e-9, 1e6, 0.6, 0.6), IN_PART),
        (_recurrent(1e-9, 1.0, 0.2, 0.4), NOT),
    ],
    "warmup-saves": [(_warmed(True, True), HOLDS), (_warmed(True, False), IN_PART), (_warmed(False, False), NOT)],
}


@pytest.mark.parametrize(
    ("id", "place"), [(id, place) for id, cases in CASES.items() for place in range(len(cases))], ids=str
)
def test_made_up_numbers_are_judged_as_the_mark_has_it(id: str, place: int) -> None:
    numbers, word = CASES[id][place]
    assert claims[id].judge(numbers).word == word


def test_a_loss_of_guessing_is_a_failure_that_warm_up_has_to_save() -> None:
    claim = claims["warmup-saves"]
    numbers = _warmed(True, True)
    for schedule in ("constant", "cosine"):
        numbers["loss"][schedule]["without"][0][1] = math.log(10)
    assert claim.judge(numbers).word == HOLDS
    for schedule in ("constant", "cosine"):
        numbers["accuracy"][schedule]["with"][0][1] = 0.8
    assert claim.judge(numbers).word == NOT


def test_data_on_which_all_score_alike_are_said_to_tell_nothing() -> None:
    numbers = _leaky(0.01, -0.01)
    assert claims["leaky-not-always"].judge(numbers).where.endswith("tells nothing: none.")
    numbers["accuracy"]["digits"] = dict.fromkeys(numbers["accuracy"]["digits"], [0.97] * 3)
    assert claims["leaky-not-always"].judge(numbers).where.endswith("tells nothing: digits.")


def test_what_warm_up_does_not_wholly_save_is_counted() -> None:
    numbers = _warmed(False, False)
    for schedule in ("constant", "cosine"):
        numbers["loss"][schedule]["without"] = [[0.1, None]]
        numbers["accuracy"][schedule]["with"] = [[0.95, 0.5]]
    verdict = claims["warmup-saves"].judge(numbers)
    assert verdict.word == NOT
    assert "of 1 trainings that failed without, 0 trained with it and 1 ended in between" in verdict.where
