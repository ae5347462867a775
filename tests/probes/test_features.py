"""Figures of columns, worked out by hand."""

import math

import pytest
import torch

from trainwell.probes.features import Features, by_feature, numbers, standardised

ROWS = torch.tensor([[1.0, 10.0, 7.0, math.nan], [3.0, 30.0, 7.0, math.nan], [math.inf, 20.0, 7.0, math.nan]])


def test_what_is_not_finite_is_left_aside() -> None:
    found = Features(ROWS)
    assert numbers(found.means) == (2, 20, 7, None)
    assert numbers(found.spreads) == pytest.approx((1, math.sqrt(200 / 3), 0, None))
    assert numbers(found.lows) == (1, 10, 7, None)
    assert numbers(found.highs) == (3, 30, 7, None)
    assert found.varies.tolist() == [True, True, False, False]
    assert found.constant_share == 0.5
    assert found.centre == pytest.approx(math.sqrt((4 + 400 / (200 / 3)) / 2))
    assert found.decades == pytest.approx(math.log10(math.sqrt(200 / 3)))
    assert found.outlier == pytest.approx(10 / math.sqrt(200 / 3))


def test_only_what_is_used_counts() -> None:
    found = Features(torch.tensor([[1.0], [3.0], [-100.0]]), torch.tensor([[True], [True], [False]]))
    assert (float(found.means), float(found.lows), found.outlier) == (2, 1, 1)


def test_a_constant_that_cannot_be_stored_exactly_is_constant() -> None:
    constant = torch.full((1000, 1), 0.1, dtype=torch.float64)
    found = Features(constant)
    assert found.spreads > 0  # by rounding
    assert found.constant_share == 1
    assert (found.centre, found.decades, found.outlier) == (None, None, None)
    assert standardised(constant).eq(0).all()
    # A small spread far from 0 is one all the same.
    assert Features(1 + 1e-3 * torch.arange(4.0)[:, None]).constant_share == 0


def test_standardised_columns_have_mean_0_and_spread_1() -> None:
    torch.manual_seed(0)
    values = standardised(torch.randn(50, 3) * torch.tensor([1e-3, 1.0, 1e4]) + 5)
    assert values.mean(dim=0).abs().max() < 1e-9
    torch.testing.assert_close(values.std(dim=0, correction=0), torch.ones(3, dtype=torch.float64))
    assert standardised(ROWS)[:, 3].eq(0).all()


def test_features_lie_along_the_axis_that_is_given() -> None:
    x = torch.arange(24).reshape(2, 3, 4)
    assert by_feature(x, 1).shape == (8, 3)
    assert by_feature(x, 1)[:, 1].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]
    assert by_feature(x, -1)[:, 1].tolist() == [1, 5, 9, 13, 17, 21]
    assert by_feature(torch.ones(5), 1).shape == (5, 1)
