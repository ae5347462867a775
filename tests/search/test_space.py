"""Spaces: values, edits, grids, what is narrowed, and JSON both ways."""

import json
import math

import pytest

from trainwell.search.space import Choice, Range, Space, distinct, same, settings_near

RATE = Range(name="lr", key="optimizer.lr", low=1e-4, high=1.0, log=True)
WIDTH = Range(name="width", key="model.width", low=1, high=4, whole=True)
KIND = Choice(name="optimizer", key="optimizer", values=("sgd", "adamw"), own="sgd")
MOMENTUM = Range(name="momentum", key="optimizer.momentum", low=0.8, high=1.0, when=("optimizer", ("sgd",)))
SPACE = Space((KIND, RATE, MOMENTUM))


def test_shares_of_a_range() -> None:
    assert math.isclose(RATE.at(0.5), 1e-2)
    assert math.isclose(RATE.at(0.0), 1e-4) and RATE.at(1.0) == 1.0
    assert [WIDTH.at(share) for share in (0.0, 0.26, 0.6, 0.99, 1.0)] == [1, 2, 3, 4, 4]
    assert [KIND.at(share) for share in (0.0, 0.49, 0.5, 1.0)] == ["sgd", "sgd", "adamw", "adamw"]


def test_spread_values_have_both_ends() -> None:
    assert [round(value, 6) for value in RATE.spread(5)] == [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert WIDTH.spread(9) == [1, 2, 3, 4]


def test_a_dimension_is_asked_for_under_its_choice_only() -> None:
    with_sgd, with_adamw = SPACE.at((0.0, 0.5, 0.5)), SPACE.at((0.9, 0.5, 0.5))
    assert set(with_sgd) == {"optimizer", "lr", "momentum"}
    assert set(with_adamw) == {"optimizer", "lr"}
    assert SPACE.holds(with_sgd) and SPACE.holds(with_adamw)
    assert not SPACE.holds({**with_adamw, "momentum": 0.9})
    assert len(SPACE.grid(3)) == 3 * 3 + 3


def test_edits_name_a_technique_before_what_is_set_in_it_and_not_the_recipes_own() -> None:
    assert SPACE.edits({"lr": 0.0123456, "optimizer": "adamw"}) == ("optimizer=adamw", "optimizer.lr=0.01235")
    assert SPACE.edits({"optimizer": "sgd", "lr": 0.1, "momentum": 0.9}) == (
        "optimizer.lr=0.1",
        "optimizer.momentum=0.9",
    )
    changes = Space((Choice(name="change", key="", values=("a=1 b.c=2", "d=3")),))
    assert changes.edits({"change": "a=1 b.c=2"}) == ("a=1", "b.c=2")


def test_narrowed_about_the_best() -> None:
    settings = [{"optimizer": "sgd", "lr": 0.1, "momentum": 0.9}, {"optimizer": "sgd", "lr": 0.2, "momentum": 0.8}]
    kind, rate, momentum = SPACE.narrowed(settings, 4.0, 2.0)
    assert isinstance(kind, Choice) and kind.values == ("sgd",)
    assert isinstance(rate, Range) and math.isclose(rate.low, 0.025) and math.isclose(rate.high, 0.4)
    assert isinstance(momentum, Range) and momentum.low == 0.8  # not beyond what was searched
    assert Space((RATE,)).narrowed([], 4.0, 2.0) == Space((RATE,))


def test_values_outside_are_recorded_where_optuna_can_hold_them() -> None:
    outside = {"optimizer": "lion", "lr": 3.0}
    kept = SPACE.recorded(outside)
    assert kept == {"lr": 3.0}
    assert SPACE.distributions(kept)["lr"].high == 3.0  # type: ignore[attr-defined]
    assert SPACE.recorded({"optimizer": "sgd", "lr": 0.0}) == {"optimizer": "sgd"}  # no logarithm of 0


def test_json_both_ways() -> None:
    space = Space((KIND, RATE, MOMENTUM, WIDTH))
    assert Space.from_json(json.loads(json.dumps(space.json()))) == space


def test_near_and_distinct() -> None:
    centre = {"lr": 0.5}
    assert settings_near(Space((RATE,)), centre, {"lr": (0.1, 10.0)}) == [{"lr": 0.05}]  # 5 lies outside
    assert distinct([{"lr": 0.1}, {"lr": 0.1 + 1e-9}, {"lr": 0.2}]) == [{"lr": 0.1}, {"lr": 0.2}]
    assert not same({"lr": 0.1}, {"lr": 0.1, "momentum": 0.9})


@pytest.mark.parametrize("value", [0.5, 5, None, "1"])
def test_range_holds_numbers_within(value: object) -> None:
    assert RATE.holds(value) is (value == 0.5)
