import math

import pytest
import torch

from trainwell.probes.units import Values, laid_out, values_of


def values(*arguments: object) -> Values:
    found = values_of(laid_out(*arguments))  # type: ignore[arg-type]
    assert found is not None
    return found


def laid_out_as(*arguments: object) -> tuple[object, object, int]:
    layout = laid_out(*arguments)  # type: ignore[arg-type]
    return tuple(layout.values.shape), layout.shape, layout.place


def test_numbers_by_hand() -> None:
    # Samples (1, 0, 3), (3, 0, 3): the first unit differs, the second is 0, the third is the same for both.
    found = values(torch.tensor([[1.0, 0.0, 3.0], [3.0, 0.0, 3.0]]), 2)
    assert found.mean == pytest.approx(10 / 6)
    assert found.rms == pytest.approx(math.sqrt(28 / 6))
    assert found.std == pytest.approx(math.sqrt(28 / 6 - 100 / 36))
    # Variances between the samples: 1, 0 and 0. Means of the units: 2, 0 and 3, with a variance of 14 / 9.
    assert found.between == pytest.approx(math.sqrt(1 / 3) / found.rms)
    assert found.across == pytest.approx(math.sqrt(14 / 9) / found.rms)
    assert (found.num_units, found.zeros, found.finite) == (3, pytest.approx(1 / 3), 1)
    assert (found.zero_units, found.constant_units) == (pytest.approx(1 / 3), pytest.approx(2 / 3))


def test_units_by_places_and_samples_on_another_axis() -> None:
    places = torch.zeros(4, 3, 5, 5)
    places[:, 0] = torch.rand(5, 5)  # the same map for all samples
    places[2, 1, 0, 0] = 1.0  # one value of one sample
    found = values(places, 4, 1)
    assert (found.num_units, found.zero_units, found.constant_units) == (3, pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert laid_out_as(torch.zeros(7, 4, 6), 4, -1) == ((4, 42), (7, 6), 1)
    assert laid_out_as(torch.zeros(4, 5, 5, 3), 4, 1, 3) == ((4, 75), (5, 5, 3), 2)
    assert laid_out_as(torch.zeros(4), 4) == ((4, 1), (1,), 0)
    assert laid_out_as(torch.zeros(3, 4), 4, 1) == ((4, 3), (3,), 0)


def test_without_an_axis_of_samples() -> None:
    layout = laid_out(torch.zeros(12, 6), 4, -1)
    assert (layout.by_sample, layout.values.shape, layout.num_units, layout.axis) == (False, (1, 72), 6, 1)
    found = values_of(layout)
    assert found is not None
    assert (found.between, found.constant_units, found.zero_units) == (None, None, 1)
    assert laid_out_as(torch.zeros(5), 4) == ((1, 5), (5,), 0)
    assert values(torch.ones(1, 3), 1).between is None


def test_small_numbers_rounding_and_what_is_not_finite() -> None:
    tiny = torch.tensor([[1e-30], [-1e-30]])
    assert values(tiny, 2).rms == pytest.approx(1e-30)
    assert values(tiny, 2).between == pytest.approx(1)
    assert values(torch.tensor([[1e30], [-1e30]]), 2).std == pytest.approx(1e30)
    # Far from 0, against float64.
    torch.manual_seed(0)
    far = 1000 + torch.randn(500, 40)
    assert values(far, 500).std == pytest.approx(float(far.double().std(correction=0)), rel=1e-4)
    assert values(far, 500).rms == pytest.approx(float(far.double().square().mean().sqrt()), rel=1e-6)
    rounded = torch.tensor([[0.1], [0.1]]).nextafter(torch.tensor([[1.0], [0.0]]))
    assert rounded[0] != rounded[1]
    assert values(rounded, 2).constant_units == 1
    assert values(torch.tensor([[0.1], [0.1001]]), 2).constant_units == 0
    found = values(torch.tensor([[1.0, math.nan], [math.inf, 1.0]]), 2)
    assert (found.finite, found.mean, found.rms, found.std, found.zeros) == (0.5, 1, 1, 0, 0)
    found = values(torch.tensor([[1.0, math.nan, 0.0], [3.0, 0.0, 0.0]]), 2)
    assert (found.mean, found.zeros, found.zero_units) == pytest.approx((0.8, 0.6, 1 / 3))
    assert found.rms == pytest.approx(2**0.5)
    assert found.std == pytest.approx((2 - 0.64) ** 0.5)
    assert values_of(laid_out(torch.full((2, 2), math.nan), 2)) is None
