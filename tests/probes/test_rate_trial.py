import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.errors import BadValue
from trainwell.probes.rate_range import rate_range
from trainwell.probes.rate_trial import rate_trial

from .bowl import Bowl, bottomless, sgd, value


@pytest.mark.parametrize(("share", "ok"), [(0.1, True), (0.9, True), (1.1, False), (1e-5, False)])
def test_a_bowl_is_descended_below_two_over_its_curvature(share, ok):
    bowl = Bowl(10.0)
    result = rate_trial(bowl, value, bottomless, sgd, rates=[share * 2 / 10.0] * 20)
    assert result.ok is ok
    assert result.start == 25.0
    assert result.losses[0] == 25.0
    shrinks = (1 - 10 * share * 0.2) ** 2
    assert result.end == pytest.approx(25.0 * sum(shrinks**step for step in range(15, 20)) / 5, rel=1e-4)
    assert f"{20} steps at rate {share * 0.2:.3g}: loss 25 -> {result.end:.4g}" == result.message
    assert bool(result.advice) is not ok
    assert torch.equal(bowl.weight, torch.ones(5)), "the model given is left alone"


def test_a_loss_that_is_no_longer_finite_ends_it():
    result = rate_trial(Bowl(10.0), value, bottomless, sgd, rates=[1e6] * 20)
    assert not result.ok
    assert len(result.losses) < 20
    assert not math.isfinite(result.losses[-1])
    assert f"no longer finite after {len(result.losses) - 1} steps" in result.message
    assert result.json()["end"] is None


def test_the_rates_are_taken_in_turn():
    result = rate_trial(Bowl(1.0), value, bottomless, sgd, rates=[0.5, *[1e-9] * 9])
    assert result.lr == 0.5
    assert result.losses == pytest.approx([2.5, *[2.5 / 4] * 9], rel=1e-5)


def test_the_same_batches_are_compared():
    """Batches whose loss falls from one to the next, while nothing is learnt."""

    def batches(step):
        return None, torch.tensor(100.0 - step)

    def weighed(output, y):
        return output * y

    result = rate_trial(Bowl(2.0), weighed, batches, sgd, rates=[1e-12] * 40)
    assert result.start == pytest.approx(5.0 * sum(100 - step for step in range(30, 40)) / 10)
    assert result.end == pytest.approx(result.start)
    assert not result.ok


def test_labels_of_chance_do_not_fall():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 8, generator=generator)
    y = torch.randint(0, 4, (4000,), generator=generator)

    def batches(step):
        rows = torch.arange(step * 32, step * 32 + 32) % len(x)
        return x[rows], y[rows]

    model = nn.Linear(8, 4)
    nn.init.zeros_(model.weight)
    assert not rate_trial(model, F.cross_entropy, batches, sgd, rates=[0.05] * 40).ok


def test_a_network_that_a_high_rate_throws_off_at_first_and_that_trains_is_told_from_one_that_does_not():
    """Batch norm forgives a rate that lies above where a rising one diverges."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2000, 10, generator=generator)
    y = (x[:, 0] * x[:, 1] > 0).long()

    def batches(step):
        rows = torch.arange(step * 64, step * 64 + 64) % len(x)
        return x[rows], y[rows]

    torch.manual_seed(0)
    layers = [nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(64, 2))
    ranged = rate_range(model, F.cross_entropy, batches, sgd, low=1e-3, high=30.0)
    assert ranged.diverges < 1.0
    assert rate_trial(model, F.cross_entropy, batches, sgd, rates=[3.0] * 80).ok
    assert not rate_trial(model, F.cross_entropy, batches, sgd, rates=[1e4] * 80).ok


@pytest.mark.parametrize("rates", [[0.1] * 7, [0.1] * 8 + [0.0], [math.nan] * 8, [math.inf] * 8])
def test_rates_that_try_nothing_are_refused(rates):
    with pytest.raises(BadValue, match="expected 8 or more, each above 0"):
        rate_trial(Bowl(1.0), value, bottomless, sgd, rates=rates)
