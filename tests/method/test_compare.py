"""Paired tests of two models, against figures worked out by hand and other implementations."""

import math

import numpy as np
import pytest
from scipy import stats

from trainwell.method.compare import compare_errors, compare_right

NAMES = ("one", "two")


def rights(mine: int, theirs: int, both: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Two models that are right alone on so many samples."""
    return (
        np.repeat([True, False, True, False], [mine, theirs, both, 5]),
        np.repeat([False, True, True, False], [mine, theirs, both, 5]),
    )


@pytest.mark.parametrize(("mine", "theirs"), [(31, 12), (3, 9), (5, 5), (0, 6)])
def test_mcnemar_by_hand(mine: int, theirs: int) -> None:
    found = compare_right(NAMES, rights(mine, theirs))
    few, discordant = min(mine, theirs), mine + theirs
    tail = sum(math.comb(discordant, k) for k in range(few + 1)) / 2**discordant
    assert found.p == pytest.approx(min(1.0, 2 * tail))
    assert found.better == (mine, theirs)
    assert found.count == mine + theirs + 25


def test_the_result_in_words() -> None:
    text = compare_right(NAMES, rights(31, 12)).text
    assert text.startswith("one is right where two is wrong on 31 of 68 samples, the other way round on 12: p = 0.0054")
    assert "a real difference" in text
    assert "no difference seen" in compare_right(NAMES, rights(7, 6)).text
    assert [compare_right(NAMES, rights(mine, 5)).differ for mine in (15, 14)] == [True, False]  # 0.041, 0.064
    same = compare_right(NAMES, rights(0, 0))
    assert same.p == 1.0
    assert "right and wrong on the same samples" in same.text


def test_squared_errors_by_ranks() -> None:
    draws = np.random.default_rng(0)
    one = draws.random(60)
    two = one + draws.normal(0.04, 0.2, 60)
    found = compare_errors(NAMES, (one, two))
    ranks = stats.rankdata(np.abs(one - two))
    positive = ranks[one > two].sum()
    mean, spread = 60 * 61 / 4, math.sqrt(60 * 61 * 121 / 24)
    assert 0.01 < found.p == pytest.approx(2 * stats.norm.sf(abs(positive - mean) / spread), abs=2e-3)
    assert found.better == ((one < two).sum(), (one > two).sum())
    assert "is nearer than two on" in found.text
    assert compare_errors(NAMES, (one, one)).p == 1.0
    few, same = compare_errors(NAMES, (one[:12], two[:12])), np.full(7, 0.3)  # where they do not differ says nothing
    with_ties = compare_errors(NAMES, (np.append(one[:12], same), np.append(two[:12], same)))
    assert (with_ties.p, with_ties.better, with_ties.count) == (few.p, few.better, 19)
