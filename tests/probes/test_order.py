"""Sorted data, shuffled data, and batches balanced on purpose."""

import numpy as np
import pytest
import torch
from torch import Tensor

from trainwell.errors import BadData, BadValue
from trainwell.probes.order import Order, order


def look(y: Tensor, size: int = 16) -> Order:
    return order(lambda step: (torch.ones(size, 1), y[step * size :][:size]), num_batches=len(y) // size)


def shuffled(y: Tensor) -> Tensor:
    return y[torch.from_numpy(np.random.default_rng(0).permutation(len(y)))]


def test_figures_worked_out_by_hand() -> None:
    found = look(torch.tensor([0, 0, 0, 1]), size=2)
    # Pairs of different class: within the batches 0 of 1 and 1 of 1; of all six pairs three.
    assert found.mixing == pytest.approx(0.5 / 0.5)
    # Of the three successive pairs one.
    assert found.neighbours == pytest.approx((1 / 3) / 0.5)
    assert (found.num_batches, found.num_samples) == (2, 4)


def test_sorted_classes_and_their_shuffled_twin() -> None:
    y = torch.arange(320) // 32
    faulty, clean = look(y), look(shuffled(y))
    assert faulty.mixing == 0
    assert faulty.neighbours is not None and faulty.neighbours < 0.05
    for found, spread in ((clean.mixing, clean.mixing_spread), (clean.neighbours, clean.neighbours_spread)):
        assert found is not None and spread is not None
        assert 0 < spread < 0.05
        assert abs(found - 1) < 4 * spread
    # Healthy, though no shuffle makes them: batches that hold each class as often.
    balanced = look(torch.arange(320) % 10)
    assert balanced.mixing is not None and 1 < balanced.mixing < 1.1
    # Sorted over batches that are nevertheless mixed: rare in one half, frequent in the other.
    drift = look(torch.cat([shuffled(torch.arange(160) % 2), torch.ones(160, dtype=torch.int64)]))
    assert drift.mixing is not None and drift.mixing_spread is not None
    assert drift.mixing < 1 - 4 * drift.mixing_spread


def test_sorted_values_of_a_regression() -> None:
    y = torch.linspace(-3, 3, 320)[:, None]
    faulty, clean = look(y), look(shuffled(y))
    assert faulty.mixing is not None and faulty.mixing < 0.01
    assert clean.mixing == pytest.approx(1, abs=0.1)
    assert look(y * 1000 + 5).mixing == pytest.approx(faulty.mixing, rel=1e-3)


def test_the_spread_of_chance_is_that_of_many_orders() -> None:
    y = torch.arange(160) % 2
    values = [look(y[torch.from_numpy(np.random.default_rng(i).permutation(160))]).mixing for i in range(60)]
    assert look(y).mixing_spread == pytest.approx(np.std(np.array(values, dtype=float)), rel=0.3)


def test_where_nothing_can_be_compared_nothing_is_said() -> None:
    assert look(torch.zeros(64)).mixing is None
    assert look(torch.arange(8), size=1).mixing is None
    with pytest.raises(BadValue, match="num_batches=1"):
        look(torch.arange(8), size=8)
    with pytest.raises(BadData, match="one shape"):
        order(lambda step: (torch.ones(4), torch.ones(4, 1 + step)), num_batches=2)
    with pytest.raises(BadData, match="one shape"):
        order(lambda _: (torch.ones(4), None), num_batches=2)


def test_the_same_call_gives_the_same() -> None:
    y = shuffled(torch.arange(320) // 32)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = look(y)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert look(y) == first
