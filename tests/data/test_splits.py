import numpy as np
import pytest

from trainwell.data.splits import split_rows, strata_of


def test_shares_by_stratum_and_the_same_every_time() -> None:
    strata = np.repeat([0, 1], [100, 20])
    parts = split_rows(strata, np.arange(120), {"valid": 0.15, "heldout": 0.1}, seed=3)
    counts = {part: np.bincount(strata[rows]).tolist() for part, rows in parts.items()}
    assert counts == {"train": [75, 15], "valid": [15, 3], "heldout": [10, 2]}
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(120))
    assert all((np.diff(rows) > 0).all() and rows.dtype == np.int64 for rows in parts.values())
    again = split_rows(strata, np.arange(120), {"valid": 0.15, "heldout": 0.1}, seed=3)
    other = split_rows(strata, np.arange(120), {"valid": 0.15, "heldout": 0.1}, seed=4)
    assert np.array_equal(parts["valid"], again["valid"]) and not np.array_equal(parts["valid"], other["valid"])


def test_halves_are_carried_on_from_stratum_to_stratum() -> None:
    parts = split_rows(np.repeat(np.arange(10), 25), np.arange(250), {"valid": 0.1}, seed=0)  # 2.5 a stratum
    assert len(parts["valid"]) == 25


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(seed: int) -> None:
    groups = np.arange(100) // 4
    parts = split_rows(np.zeros(100, int), groups, {"valid": 0.2}, seed)
    assert not set(groups[parts["train"]]) & set(groups[parts["valid"]])
    assert len(parts["valid"]) == 20


@pytest.mark.parametrize("seed", range(5))
def test_every_part_gets_a_row_and_train_comes_first(seed: int) -> None:
    parts = split_rows(np.array([0, 0, 1, 1, 1]), np.arange(5), {"valid": 0.1, "heldout": 0.1}, seed)
    assert len(parts["train"]) == 2 and len(parts["valid"]) == 2 and len(parts["heldout"]) == 1


@pytest.mark.parametrize("seed", range(5))
def test_largest_group_stays_in_train(seed: int) -> None:
    groups = np.array([0] * 9 + [1])  # one image nine times, and another
    parts = split_rows(np.zeros(10, int), groups, {"valid": 0.5}, seed)
    assert parts["valid"].tolist() == [9]
    alone = split_rows(np.zeros(3, int), np.zeros(3, int), {"valid": 0.5}, seed)
    assert len(alone["valid"]) == 0 and len(alone["train"]) == 3


def test_a_group_over_two_strata_goes_with_its_first_row() -> None:
    strata = np.array([0, 1, 0, 1, 0, 1])
    groups = np.array([0, 0, 1, 2, 3, 4])
    parts = split_rows(strata, groups, {"valid": 0.4}, seed=1)
    assert not set(groups[parts["train"]]) & set(groups[parts["valid"]])


def test_strata_of_a_target_are_tenths_of_its_rows() -> None:
    y = np.random.default_rng(0).normal(size=(1000,)).astype(np.float32)
    strata = strata_of(y, "regression")
    assert np.bincount(strata).tolist() == [100] * 10
    assert y[strata == 0].max() < y[strata == 1].min()
    assert strata_of(y[:15], "regression").max() == 0
    assert strata_of(np.array([2, 0]), "classification").tolist() == [2, 0]
