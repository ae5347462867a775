"""Randomness by counter: the same numbers whatever the order of visits, and numbers as random as they claim."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from trainwell.draws import Draws, StepDraws, generator, key, order

N = 20_000


def draws(seed: int = 0, epoch: int = 0, indices: np.ndarray | None = None) -> Draws:
    chosen = np.arange(N) if indices is None else indices
    return Draws(seed, np.full(len(chosen), epoch), chosen)


def test_the_first_words_are_those_of_splitmix64() -> None:
    # Reference outputs of SplitMix64 seeded with 0 (Vigna, https://prng.di.unimi.it/splitmix64.c): key drops one bit.
    assert key(0) == 0xE220A8397B1DCDAF >> 1
    assert key() == 0


def test_key_changes_with_every_word_its_place_and_its_kind() -> None:
    words = [(0,), (1,), (0, 0), (0, 1), (1, 0), ("a",), ("b",), ("a", 0), ("ab",), ("a", "b"), (-1,), (2**63,)]
    keys = {key(*word) for word in words}
    assert len(keys) == len(words)
    assert all(0 <= number < 2**63 for number in keys)
    near = [key(3, "x", number) for number in range(64)]
    distances = [bin(a ^ b).count("1") for a, b in itertools.pairwise(near)]
    assert 28 < np.mean(distances) < 35  # of 63 bits a half flips


def test_order_is_a_permutation_of_its_own_for_every_seed_and_epoch() -> None:
    first = order(0, 0, 100)
    assert sorted(first) == list(range(100))
    assert np.array_equal(first, order(0, 0, 100))
    others = [order(0, 1, 100), order(1, 0, 100), np.arange(100)]
    assert not any(np.array_equal(first, other) for other in others)
    assert first.dtype == np.int64


def test_generators_of_one_name_agree() -> None:
    assert generator("split", 3).random() == generator("split", 3).random()
    assert generator("split", 3).random() != generator("split", 4).random()


def test_draws_do_not_depend_on_who_else_is_in_the_batch() -> None:
    whole, shuffled = draws(), order(5, 0, N)
    part = draws(indices=shuffled[:100])
    for name in ("uniform", "integers", "beta"):
        args = {"uniform": (), "integers": (0, 9), "beta": (0.4,)}[name]
        assert torch.equal(getattr(whole, name)(*args)[shuffled[:100]], getattr(part, name)(*args))


def test_every_call_epoch_seed_and_name_gives_other_numbers() -> None:
    base = draws()
    rows = [base.uniform(), base.uniform(), draws(seed=1).uniform(), draws(epoch=1).uniform()]
    rows += [base.of("a").uniform(), base.of("b").uniform(), base.of("a", 1).uniform(), base.fixed().uniform()]
    correlation = np.corrcoef(torch.stack(rows).double().numpy())
    assert np.abs(correlation - np.eye(len(rows))).max() < 4 / N**0.5
    assert torch.equal(rows[0], draws().uniform())
    assert torch.equal(rows[4], draws().of("a").uniform())


def test_sample_and_epoch_are_told_apart() -> None:
    index, epoch = (grid.flatten() for grid in np.meshgrid(np.arange(64), np.arange(64)))
    assert len(Draws(0, epoch, index).uniform().unique()) > 4090  # of 4096; by chance one pair in two is equal


def test_fixed_draws_stay_over_the_epochs() -> None:
    assert torch.equal(draws(epoch=0).fixed().uniform(), draws(epoch=7).fixed().uniform())
    assert not torch.equal(draws(epoch=0).uniform(), draws(epoch=7).uniform())


def test_uniform_is_flat_over_samples_and_over_epochs() -> None:
    over_samples = draws().uniform()
    over_epochs = Draws(0, np.arange(N), np.zeros(N)).uniform()
    for values in (over_samples, over_epochs):
        assert values.dtype == torch.float32
        assert float(values.min()) >= 0
        assert float(values.max()) < 1
        counts = torch.histc(values, 50, 0, 1).numpy()
        assert stats.chisquare(counts).pvalue > 0.001
        assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4 / N**0.5
    shifted = draws().uniform(-2, 4)
    assert torch.allclose(shifted, over_samples * 6 - 2)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 3), (0, 9), (5, 5)])
def test_integers_are_flat_and_hold_both_ends(low: int, high: int) -> None:
    values = draws().integers(low, high)
    assert values.dtype == torch.int64
    assert (int(values.min()), int(values.max())) == (low, high)
    counts = torch.bincount(values - low).numpy()
    assert len(counts) == high - low + 1
    assert len(counts) == 1 or stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_beta_has_the_distribution_of_scipy(alpha: float) -> None:
    values = draws().beta(alpha)
    assert values.dtype == torch.float32
    assert float(values.min()) >= 0
    assert float(values.max()) <= 1
    known = stats.beta(alpha, alpha)
    counts, edges = np.histogram(values.numpy(), np.linspace(0, 1, 21))
    assert stats.chisquare(counts, np.diff(known.cdf(edges)) * N).pvalue > 0.001
    assert float(values.var()) == pytest.approx(known.var(), rel=0.03)


def test_partners_are_a_permutation() -> None:
    partners = draws(indices=np.arange(500)).partners()
    assert partners.sort().values.tolist() == list(range(500))
    assert int((partners == torch.arange(500)).sum()) < 10  # as many fixed points as chance has: one


def test_step_draws_are_keyed_by_seed_step_and_layer() -> None:
    def mask(seed: int, step: int, layer: int) -> list[float]:
        source = StepDraws(seed)
        source.step = step
        torch.rand(3, generator=source.generator(layer + 1, torch.device("cpu")))  # what came before does not matter
        return torch.rand(8, generator=source.generator(layer, torch.device("cpu"))).tolist()

    assert mask(0, 3, 1) == mask(0, 3, 1)
    assert mask(0, 3, 1) not in (mask(1, 3, 1), mask(0, 4, 1), mask(0, 3, 2))
