"""The reading of shortened trainings, on losses worked out by hand; and the test itself on digits."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn

from trainwell.data.open import open_data
from trainwell.errors import BadValue
from trainwell.recipe import Recipe
from trainwell.search import shortened
from trainwell.search.rate_range import rate_range_of
from trainwell.search.running.in_turn import InTurn
from trainwell.search.shortened import Shortened, Train, here, loss_of, through
from trainwell.search.work import Work
from trainwell.training.engine import Engine
from trainwell.training.setup import Setup, set_up

CPU = torch.device("cpu")
ENGINE = Engine(CPU, "fp32", "contiguous", False, 1)
DIGITS: dict[str, Any] = {
    "model": {"name": "mlp", "widths": (16,)},
    "loss": "cross_entropy",
    "optimizer": {"name": "sgd", "lr": 0.1},
    "schedule": "cosine",
    "epochs": 4.0,
    "batch_size": 32,
    "preprocess": "standardize",
    "precision": "fp32",
    "layout": "contiguous",
    "compile": "no",
    "threads": 1,
}


def digits(*edits: str) -> Setup:
    return set_up(open_data("digits"), Recipe(**DIGITS).edit(edits), CPU)


@pytest.fixture(scope="module")
def setup() -> Setup:
    """An MLP on digits."""
    return digits()


def valley(start: float, best: Callable[[Shortened], float], width: float = 1.0) -> Train:
    """The loss falls by 1 where the rate is best, along a parabola in the decades, and is never above `start` + 3."""

    def train(wanted: Sequence[Shortened]) -> list[float]:
        away = [math.log10(one.rate / best(one)) / width for one in wanted]
        return [min(start - 1 + distance**2, start + 3) for distance in away]

    return train


def start_of(setup: Setup) -> float:
    return loss_of(setup, setup.model, ENGINE)


def test_lowest_point_of_a_parabola_is_found_between_the_rates(setup: Setup) -> None:
    found = rate_range_of(setup, ENGINE, train=valley(start_of(setup), lambda _: 0.07))
    # From a fifth of the steps to all of them are log2(5) = 2.32 doublings, of 0.03 decades each.
    assert found.suggestion == pytest.approx(0.07 / 10 ** (0.03 * math.log2(5)))
    assert found.verdict == "found"
    assert found.ok
    assert found.spread == pytest.approx(1.0)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.suggestion < found.high  # type: ignore[operator]


def test_cost_is_that_of_the_steps(setup: Setup) -> None:
    asked: list[Shortened] = []
    train = valley(start_of(setup), lambda _: 0.07)

    def counted(wanted: Sequence[Shortened]) -> list[float]:
        asked.extend(wanted)
        return train(wanted)

    found = rate_range_of(setup, ENGINE, train=counted)
    assert found.cost == pytest.approx(sum(one.share for one in asked))
    # 13 rates and two seeds, of 16 steps at least; then five rates at a fifth of the steps.
    steps = setup.feeds["train"].stream.steps(4.0)
    assert found.cost == pytest.approx(2 * 13 * 16 / steps + 2 * 5 * 0.2)


def test_a_best_rate_beyond_the_range_is_gone_after(setup: Setup) -> None:
    found = rate_range_of(setup, ENGINE, low=1e-3, high=1e-2, train=valley(start_of(setup), lambda _: 0.2))
    assert found.verdict == "found"
    assert found.suggestion == pytest.approx(0.2 / 10 ** (0.03 * math.log2(5)))


def test_a_loss_that_falls_for_ever_is_an_edge(setup: Setup) -> None:
    start = start_of(setup)

    def train(wanted: Sequence[Shortened]) -> list[float]:
        return [start - 0.1 * math.log10(one.rate / 1e-5) for one in wanted]

    found = rate_range_of(setup, ENGINE, train=train)
    assert found.verdict == "edge"
    assert not found.ok
    assert "highest" in found.advice
    assert found.suggestion is not None
    assert found.suggestion > 10


def test_seeds_that_disagree_are_told(setup: Setup) -> None:
    found = rate_range_of(setup, ENGINE, train=valley(start_of(setup), lambda one: 0.05 if one.seed else 0.1))
    assert found.spread == pytest.approx(2.0)


def test_a_rate_at_which_one_seed_diverges_is_not_taken(setup: Setup) -> None:
    plain = valley(start_of(setup), lambda _: 0.2)

    def train(wanted: Sequence[Shortened]) -> list[float]:
        return [
            math.inf if one.seed and one.rate > 0.15 else loss for one, loss in zip(wanted, plain(wanted), strict=True)
        ]

    found = rate_range_of(setup, ENGINE, train=train)
    assert found.suggestion is not None
    assert found.suggestion < 0.15
    assert found.high is not None
    assert found.high < 0.2


def test_a_slow_start_is_given_more_steps(setup: Setup) -> None:
    start = start_of(setup)
    fast = valley(start, lambda _: 0.1)
    lengths: set[float] = set()

    def train(wanted: Sequence[Shortened]) -> list[float]:
        lengths.update(one.share for one in wanted)
        return fast(wanted) if wanted[0].share > 0.19 else [start] * len(wanted)

    assert rate_range_of(setup, ENGINE, train=train).verdict == "found"
    assert max(lengths) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("edits", "low", "high", "verdict", "words"),
    [
        (("model.initializer=constant",), None, None, "flat", "look at the initialisation"),
        (("optimizer.momentum=0",), 1e4, 1e5, "diverges", "rates are far too high"),
    ],
)
def test_no_rate_helps(edits: tuple[str, ...], low: float | None, high: float | None, verdict: str, words: str) -> None:
    one = digits(*edits)
    if verdict == "flat":
        for parameter in one.model.parameters():
            nn.init.zeros_(parameter)  # dead units: no gradient gets through, and the last bias knows 10 even classes
    found = rate_range_of(one, ENGINE, low=low, high=high)
    assert found.verdict == verdict
    assert not found.ok
    assert words in found.advice
    assert found.suggestion is None
    assert found.json()["suggestion"] is None


def test_the_rate_it_suggests_trains_and_nothing_is_changed(setup: Setup) -> None:
    before = {name: value.clone() for name, value in setup.model.state_dict().items()}
    found = rate_range_of(setup, ENGINE)
    again = rate_range_of(setup, ENGINE)
    assert found == again
    assert all(torch.equal(value, before[name]) for name, value in setup.model.state_dict().items())
    assert found.verdict == "found"
    assert found.suggestion is not None
    rates = (found.suggestion / 30, found.suggestion, found.suggestion * 30)
    slow, right, fast = here(setup, ENGINE)([Shortened(rate, 5, 1.0) for rate in rates])
    assert right < slow
    assert right < fast


def test_together_and_in_turn_are_the_same(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [Shortened(rate, seed, 0.1) for rate in (0.01, 0.1) for seed in (0, 1)]
    together = here(setup, ENGINE)(wanted)
    monkeypatch.setattr(shortened, "fusable", lambda _: "not this time")
    assert here(setup, ENGINE)(wanted) == pytest.approx(together, rel=1e-4)
    assert len(set(together)) == 4


def test_through_a_runner(setup: Setup) -> None:
    work = Work(setup.data, setup.recipe)
    runner = InTurn(work)
    wanted = [Shortened(rate, seed, 0.2) for rate in (0.05, 1e6) for seed in (0, 1)]
    losses = through(runner, setup.recipe)(wanted)
    alone = here(digits("seed=1"), ENGINE)([Shortened(0.05, 0, 0.2)])
    assert losses[1] == pytest.approx(alone[0], rel=1e-4)  # a seed of its own weights, as its own training has
    assert losses[2] == math.inf or losses[2] > losses[0]
    assert losses[0] < start_of(setup)


@pytest.mark.parametrize(
    "options", [{"seeds": 0}, {"share": 0.0}, {"share": 1.5}, {"low": 1.0, "high": 0.1}, {"low": 0.0}]
)
def test_impossible_options_are_refused(setup: Setup, options: dict[str, Any]) -> None:
    with pytest.raises(BadValue, match=next(iter(options))):
        rate_range_of(setup, ENGINE, **options)
