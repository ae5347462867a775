"""Budgets: what is understood, what is refused, and how one is dealt out."""

import pytest

from trainwell.errors import BadValue
from trainwell.method.tune.budget import (
    COARSE,
    RANGE_TEST,
    REFINE,
    USUAL,
    Budget,
    budget_to_go_on,
    deal,
    final,
    range_test_pays,
    read_budget,
    refined,
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("0.5h", 1800), (" 2M ", 120)]
)
def test_time(text: str, seconds: float) -> None:
    assert read_budget(None, text) == Budget(None, seconds)


@pytest.mark.parametrize(
    ("trials", "budget", "words"),
    [
        (None, "0m", "is empty"),
        (None, "", "is no time"),
        (None, "30", "with a unit"),
        (None, "-5m", "is no time"),
        (None, "soon", "is no time"),
        (0, None, "--trials 0 is too few"),
        (3, None, "--trials 3 is too few"),
        (10, "5m", "give one of them"),
    ],
)
def test_no_budget_at_all(trials: int | None, budget: str | None, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        read_budget(trials, budget)


def test_trials_are_dealt_out_with_some_left_for_another_round() -> None:
    dealt = deal(read_budget(None, None), 1.0, 0.0)
    assert (dealt.coarse, dealt.refine, dealt.finalists, dealt.seeds) == (18, 8, 3, 3)
    assert dealt.coarse + dealt.refine < USUAL
    small = deal(Budget(4, None), 1.0, 0.0)
    assert small.coarse + small.refine <= 4 and min(small.coarse, small.refine) >= 1


@pytest.mark.parametrize("wholes", [5, 8, 12, 20, 60, 1000])
def test_time_pays_for_what_is_dealt_out(wholes: float) -> None:
    dealt = deal(Budget(None, 10.0 * wholes), 10.0, 0.0)
    cost = dealt.coarse * COARSE + dealt.refine * REFINE + dealt.finalists * dealt.seeds + 1
    assert cost <= wholes
    assert dealt.finalists >= 2
    if wholes >= 20:
        assert (dealt.finalists, dealt.seeds) == (3, 3)


def test_too_little_time_says_how_much_it_takes() -> None:
    with pytest.raises(BadValue, match=r"one training takes about 10.0 s .* at least 4 of them, 40.0 s"):
        deal(Budget(None, 20.0), 10.0, 0.0)


def test_the_refined_stage_goes_by_what_the_coarse_one_took() -> None:
    budget = Budget(None, 200.0)
    dealt = deal(budget, 10.0, 0.0)
    fast, slow = (refined(dealt, budget, 50.0, per_whole) for per_whole in (1.0, 15.0))
    assert fast > dealt.refine > slow >= 1
    assert refined(deal(Budget(20, None), 1.0, 0.0), Budget(20, None), 1e9, 1e9) == 5  # the clock has no say


def test_the_finals_go_by_what_is_left() -> None:
    budget = Budget(None, 60.0)
    dealt = deal(budget, 10.0, 0.0)
    assert (dealt.finalists, dealt.seeds) == (2, 1)
    fast, slow = (final(dealt, budget, 30.0, per_whole) for per_whole in (2.0, 20.0))
    assert (fast.finalists, fast.seeds) == (3, 3) and slow == dealt
    assert final(dealt, Budget(20, None), 1e9, 1e9) == dealt


def test_the_test_of_rates_is_for_budgets_that_bear_it() -> None:
    assert range_test_pays(Budget(30, None), 1.0) and not range_test_pays(Budget(6, None), 1.0)
    assert range_test_pays(Budget(None, 100.0), 5.0) and not range_test_pays(Budget(None, 100.0), 10.0)
    assert 1.0 < RANGE_TEST < 18.0


def test_a_budget_may_grow_and_stays_where_none_is_given() -> None:
    before = Budget(8, None)
    assert budget_to_go_on(before, None, None) == before
    assert budget_to_go_on(before, 9, None) == Budget(9, None)
    assert budget_to_go_on(Budget(None, 60.0), None, "2m") == Budget(None, 120.0)
    with pytest.raises(BadValue, match="budget of 8 trials, which may grow and not shrink to 7 trials"):
        budget_to_go_on(before, 7, None)
    with pytest.raises(BadValue, match="not shrink"):
        budget_to_go_on(Budget(None, 60.0), None, "59s")
    with pytest.raises(BadValue, match=r"started with a budget of 8 trials\. Go on with it by --trials"):
        budget_to_go_on(before, None, "10h")
