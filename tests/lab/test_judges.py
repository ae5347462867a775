"""The judge of each claim, on numbers made up for each of its verdicts."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from trainwell.lab.claims import claims
from trainwell.lab.records import recorded

Change = Callable[[dict[str, Any]], None]
HOLDS, IN_PART, NOT = "holds", "holds in part", "does not hold here"


def put(**values: Any) -> Change:
    """Set numbers by their path, with double underscores between the words."""

    def change(numbers: dict[str, Any]) -> None:
        for path, value in values.items():
            *way, last = path.split("__")
            inner = numbers
            for word in way:
                inner = inner[word]
            inner[last] = value

    return change


def _large_init(half: float, one: float, accuracy: float) -> dict[str, Any]:
    return {
        "saturated": {"std 0.5": [[half] * 2], "std 1": [[one] * 2]},
        "growth": {"std 1": [1.0]},
        "accuracy": {"std 1": {"0.1": [accuracy]}, "Xavier": {"0.1": [0.9]}},
    }


def _small_init(last: float, gradient: float, shallow: float, deep: float) -> dict[str, Any]:
    return {
        "spreads": {"std 0.01": [[0.1, last]]},
        "gradients": {"std 0.01": [[gradient] * 2], "Xavier": [[1.0] * 2]},
        "accuracy": {"1 layer": [shallow], "10 layers": [deep]},
    }


def _factors(activation: float, layer: float) -> dict[str, Any]:
    return {
        "largest_slope": 0.25,
        "slope_at_10": 4.54e-5,
        "factors": {"Xavier": {"activation": [activation], "layer": [layer]}},
    }


def _glorot(equal: float, unequal: float) -> dict[str, Any]:
    return {
        "factors": {
            "300 to 300, LeCun": {"forwards": [equal], "backwards": [1.0]},
            "500 to 100, LeCun": {"forwards": [1.0], "backwards": [unequal]},
        }
    }


def _he(ratios: list[float]) -> dict[str, Any]:
    moments = [[1.0, ratio] for ratio in ratios]
    return {
        "moments": {"He": moments, "Xavier": [[1.0, 1e-30]]},
        "alive": [0.5] * len(ratios),
        "alike": [[0.9]] * len(ratios),
    }


def _twenty(healthy: float, broken: list[float]) -> Change:
    def change(numbers: dict[str, Any]) -> None:
        values = [healthy] * 4 + broken + [1.0] * (7 - len(broken))
        numbers["losses"] = {name: [v] for name, v in zip(numbers["losses"], values, strict=True)}

    return change


def _curves(low: bool, high: bool, very_high: bool) -> dict[str, Any]:
    good = [2.0] + [0.1] * 60
    straight = [2.0 - 0.01 * n for n in range(61)]
    sticks = [2.0] + [0.05] * 3 + [1.0] * 57
    grows = [2.0] + [5.0] * 60
    rows = [straight if low else good, good, sticks if high else good, grows if very_high else good]
    rows[1] = [2.0] + [0.09] * 60
    return {"rates": [0.01, 0.1, 1.0, 10.0], "curves": [rows]}


def _awake(relu: float, usual: float, steep: float) -> dict[str, Any]:
    by_slope = {"0.0": [[0.0, relu]], "0.01": [[0.0, usual]], "0.2": [[0.0, steep]]}
    return {"awake": {"SGD": by_slope, "Adam": by_slope}}


def _dying(kills: float, sudden: bool, negative: float) -> dict[str, Any]:
    course = [0.0, 0.0, kills, kills] if sudden else [kills] * 4
    return {
        "rates": {
            "0.001": {"dead": [[0.0] * 4], "accuracy": [[0.5, 0.9, 0.9, 0.9]], "loss": [0.1]},
            "0.1": {"dead": [course], "accuracy": [[0.6, 0.7, 0.2, 0.2]], "loss": [2.0]},
        },
        "negative": [negative],
    }


def _saddle(plain: int, at_nine: bool, at_more: bool) -> dict[str, Any]:
    return {
        "offsets": [1e-2, 1e-4, 1e-6],
        "saddle": {"0.0": [plain] * 3, "0.9": [100] * 3},
        "momenta": [0.0, 0.9, 0.99],
        "rates": [0.1],
        "through": [[False], [at_nine], [at_more]],
    }


def _ridge(distance: float, zeros: int) -> dict[str, Any]:
    return {"distances": [distance], "lasso_zeros": 4, "exact_zeros": zeros, "small": 4}


def _signs(batch: float, centred: int) -> dict[str, Any]:
    return {
        "agreeing": {"sigmoid": {"one sample": [1.0], "batch": [batch]}, "tanh": {"batch": [0.5]}},
        "steps": {"relu": {"0..1": [50], "centred": [centred]}},
    }


def _whitened(pca: float, zca: float, kept: float) -> dict[str, Any]:
    row = {"pca": pca, "whiten_pca": 0.0, "whiten_zca": zca, "whiten_pca, kept": 0.0, "whiten_zca, kept": kept}
    return {"deviations": {"digits": row}}


def _conditioned(ratio: float, rate: float, counting: float) -> dict[str, Any]:
    return {
        "found": {
            "as it is": {"ratio": [1e4], "largest_rate": [0.01], "counting": [0.2]},
            "standardised": {"ratio": [ratio], "largest_rate": [rate], "counting": [counting]},
        }
    }


def _noise(power: float, bias: float) -> dict[str, Any]:
    sizes = [1, 4, 16]
    noise = [float(size) ** power for size in sizes]
    return {"sizes": sizes, "noise": [noise], "bias": [bias], "cosine": [[0.1, 0.5, 0.9]]}


def _turning(end: float, best: int) -> dict[str, Any]:
    accuracy = [0.5] * 20
    accuracy[best] = 0.9
    valid = [1.0, 0.5, 0.4] + [0.5] * 16 + [end]
    return {"valid_loss": [valid], "valid_accuracy": [accuracy], "train_loss": [[1.0 / n for n in range(1, 21)]]}


def _searched(nine: list[float], sixteen: list[float]) -> dict[str, Any]:
    grid = [0.1, 0.11, 0.12, 0.1] * 10
    found = {"9 trials, one": nine * 10, "16 trials, one": sixteen * 10, "16 trials, both": grid}
    return {"distances": {name: {"random": values, "grid": grid} for name, values in found.items()}}


def _dropped(behind: float, gap: float) -> dict[str, Any]:
    return {"before": [0.01], "behind": [behind], "gaps": {"0.0": [0.3], "0.5": [gap]}}


def _unselfish(numbers: dict[str, Any]) -> None:
    """Everything is off where the contract is kept, and right where it is broken."""
    for place, name in enumerate(numbers["means"]):
        numbers["means"][name], numbers["spreads"][name] = [0.5 if place < 4 else 0.0], [1.0]


CASES: dict[str, list[tuple[Any, str]]] = {
    "sigmoid-gradient": [(_factors(0.2, 0.2), HOLDS), (_factors(0.2, 1.2), IN_PART), (_factors(0.3, 0.2), NOT)],
    "tanh-is-sigmoid": [({"difference": 2e-16}, HOLDS), ({"difference": 1e-9}, IN_PART), ({"difference": 0.1}, NOT)],
    "gelu-sigmoid-close": [
        (put(apart=0.0205), HOLDS),
        (put(apart=0.03), IN_PART),
        (put(apart=0.03, monotone=True, convex=True), NOT),
    ],
    "small-init-collapse": [
        (_small_init(1e-6, 1e-5, 0.95, 0.1), HOLDS),
        (_small_init(1e-6, 1e-5, 0.95, 0.9), IN_PART),
        (_small_init(0.2, 1.0, 0.5, 0.9), NOT),
    ],
    "large-init-saturation": [
        (_large_init(0.95, 0.95, 0.1), HOLDS),
        (_large_init(0.8, 0.95, 0.1), IN_PART),
        (_large_init(0.5, 0.5, 0.9), NOT),
    ],
    "xavier-keeps-tanh": [
        ({"spreads": {"tanh": [[0.6, 0.4]], "relu": [[0.6, 0.01]]}}, HOLDS),
        ({"spreads": {"tanh": [[0.6, 0.2]], "relu": [[0.6, 0.01]]}}, IN_PART),
        ({"spreads": {"tanh": [[0.6, 0.2]], "relu": [[0.6, 0.5]]}}, NOT),
    ],
    "glorot-compromise": [(_glorot(1.0, 0.2), HOLDS), (_glorot(1.5, 0.2), IN_PART), (_glorot(1.5, 1.0), NOT)],
    "he-keeps-relu": [(_he([0.5, 2.0]), HOLDS), (_he([0.2, 0.3]), IN_PART), (_he([0.01]), NOT)],
    "zero-init-symmetry": [
        ({"apart": {"zeros, tanh": [[d]], "all 0.1, tanh, dropout": [[0.1]]}}, word)
        for d, word in ((0.0, HOLDS), (1e-8, IN_PART), (0.1, NOT))
    ],
    "sigmoid-stack-saturates": [
        ({"saturated": {"N(0, 1)": [[large] * 3], "Xavier": [[small] * 3]}}, word)
        for large, small, word in ((0.7, 0.0, HOLDS), (0.7, 0.1, IN_PART), (0.3, 0.1, NOT))
    ],
    "selu-self-normalises": [
        (put(), HOLDS),
        (put(**{"means__the contract": [0.5]}, **{"spreads__the contract": [1.0]}), IN_PART),
        (_unselfish, NOT),
    ],
    "one-sign-gradients": [(_signs(0.99, 40), HOLDS), (_signs(0.7, 60), IN_PART)],
    "minibatch-noise": [(_noise(-1.0, 0.001), HOLDS), (_noise(-0.5, 0.001), IN_PART), (_noise(-0.5, 0.5), NOT)],
    "sgd-zigzag": [
        (put(), HOLDS),
        (put(sides=[0, 0.1, 0.1, 0.1]), IN_PART),
        (put(sides=[0, 0.1, 0.1, 0.1], steps__sgd=[1, 20, 30, 40]), NOT),
    ],
    "momentum-escapes": [
        (_saddle(900, True, True), HOLDS),
        (_saddle(900, False, True), IN_PART),
        (_saddle(150, True, True), NOT),
    ],
    "adagrad-stalls": [
        (put(), HOLDS),
        (put(exponents__adam=[-0.5] * 5), IN_PART),
    ],
    "ridge-equals-decay": [(_ridge(1e-9, 4), HOLDS), (_ridge(1e-9, 0), IN_PART), (_ridge(0.1, 0), NOT)],
    "whitening": [(_whitened(0, 0, 0), HOLDS), (_whitened(0, 1, 0), IN_PART), (_whitened(0.5, 1, 0), NOT)],
    "preprocessing-conditioning": [
        (_conditioned(10.0, 1.0, 1.0), HOLDS),
        (_conditioned(10.0, 0.01, 1.0), IN_PART),
        (_conditioned(1e4, 0.01, 0.2), NOT),
    ],
    "initial-loss": [
        ({"losses": {"small": {"10": [2.31]}, "He": {"10": [he]}}}, word) for he, word in ((2.3, HOLDS), (3.0, IN_PART))
    ]
    + [({"losses": {"small": {"10": [2.6]}}}, NOT)],
    "overfit-small": [
        (_twenty(0.001, []), HOLDS),
        (_twenty(0.001, [0.01]), IN_PART),
        (_twenty(0.5, []), NOT),
    ],
    "leaky-revives": [(_awake(0.0, 0.9, 1.0), HOLDS), (_awake(0.0, 0.1, 1.0), IN_PART), (_awake(0.5, 0.9, 1.0), NOT)],
    "dead-matters-little": [
        ({"accuracy": {"0.0": [0.97], "0.1": [a], "0.2": [b]}}, word)
        for a, b, word in ((0.965, 0.965, HOLDS), (0.965, 0.9, IN_PART), (0.9, 0.9, NOT))
    ],
    "dying-relu": [(_dying(0.5, True, 1.0), HOLDS), (_dying(0.5, False, 1.0), IN_PART), (_dying(0.1, False, 0.1), NOT)],
    "early-stopping": [(_turning(0.8, 3), HOLDS), (_turning(0.8, 15), IN_PART), (_turning(0.4, 15), NOT)],
    "random-beats-grid": [
        (_searched([0.01, 0.02, 0.03, 0.01], [0.01, 0.02, 0.03, 0.01]), HOLDS),
        (_searched([0.01, 0.02, 0.03, 0.01], [0.2, 0.3, 0.2, 0.3]), IN_PART),
        (_searched([0.2, 0.3, 0.2, 0.3], [0.2, 0.3, 0.2, 0.3]), NOT),
    ],
    "dropout-ensemble": [(_dropped(0.01, 0.1), HOLDS), (_dropped(0.3, 0.1), IN_PART)],
    "exp-costs": [
        ({"alone": {"tanh": alone}, "layer": {"tanh": layer}}, word)
        for alone, layer, word in ((5.0, 1.3, HOLDS), (5.0, 1.02, IN_PART), (1.2, 1.0, NOT))
    ],
    "lr-four-curves": [
        (_curves(True, True, True), HOLDS),
        (_curves(True, False, True), IN_PART),
        (_curves(False, False, False), NOT),
    ],
}  # fmt: skip


def _recorded(id: str) -> dict[str, Any]:
    record = recorded(claims[id])
    assert record is not None
    return copy.deepcopy(record.outcome.numbers)


@pytest.mark.parametrize(
    ("id", "place"), [(id, place) for id, cases in CASES.items() for place in range(len(cases))], ids=str
)
def test_made_up_numbers_are_judged_as_the_mark_has_it(id: str, place: int) -> None:
    made, word = CASES[id][place]
    numbers = made
    if callable(made):
        numbers = _recorded(id)
        made(numbers)
    assert claims[id].judge(numbers).word == word
