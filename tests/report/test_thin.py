"""`thin`: fewer points that look the same."""

import numpy as np
import pytest

from trainwell.report.thin import thin


def test_a_short_series_stays_as_it_is() -> None:
    x, y = np.arange(400.0), np.full(400, np.nan)
    assert thin(x, y)[0] is x and thin(x, y)[1] is y


@pytest.mark.parametrize("most", [5, 17, 400])
@pytest.mark.parametrize("count", [401, 999, 100_000])
def test_extremes_and_ends_are_kept(count: int, most: int) -> None:
    y = np.sin(np.arange(count))
    y[count // 3], y[count // 2] = 50.0, -70.0
    x, thinned = thin(np.arange(float(count)), y, most)
    assert len(x) == len(thinned) <= most
    assert thinned.max() == 50.0 and thinned.min() == -70.0
    assert x[0] == 0 and x[-1] == count - 1 and (np.diff(x) > 0).all()
    assert np.array_equal(y[x.astype(int)], thinned)


def test_every_stretch_keeps_its_own_extremes() -> None:
    y = np.arange(9000.0) % 90
    _, thinned = thin(np.arange(9000.0), y, 302)  # 100 stretches of 90
    assert (thinned == 0).sum() == (thinned == 89).sum() == 100


def test_gaps_are_kept() -> None:
    y = np.ones(10_000)
    y[5000:5003] = np.nan
    y[7000:7400] = np.nan  # wider than several stretches
    x, thinned = thin(np.arange(10_000.0), y)
    gaps = x[np.isnan(thinned)]
    assert ((gaps >= 5000) & (gaps < 5003)).any() and ((gaps >= 7000) & (gaps < 7400)).sum() >= 5  # one in each stretch
    assert len(x) <= 400
