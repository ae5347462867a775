"""Batch norms that keep to the statistics of the first pass."""

import torch
from torch import nn
from torch.nn import functional as F

from trainwell.probes.held_statistics import HeldStatistics


def test_the_first_pass_gives_the_statistics_of_all_others() -> None:
    torch.manual_seed(0)
    norm, first, second = nn.BatchNorm2d(3), torch.randn(4, 3, 5, 5) * 2 + 1, torch.randn(4, 3, 5, 5)
    nn.init.uniform_(norm.weight)
    plain = norm(first)
    held = HeldStatistics()
    with held:
        torch.testing.assert_close(norm(first), plain)
    with held:
        later = norm(second)
    mean, var = first.mean((0, 2, 3), keepdim=True), first.var((0, 2, 3), keepdim=True, correction=0)
    torch.testing.assert_close(later, (second - mean) / (var + norm.eps).sqrt() * norm.weight[:, None, None])
    assert held.num_held == 1
    assert not torch.allclose(later, norm(second))


def test_a_norm_used_twice_has_two_sets_and_one_in_evaluation_none() -> None:
    torch.manual_seed(0)
    norm, x = nn.BatchNorm1d(2, track_running_stats=False), torch.randn(8, 2)
    held = HeldStatistics()
    with held:
        expected = norm(norm(x) * 3 + 1)
    with held:
        torch.testing.assert_close(norm(norm(x) * 3 + 1), expected)
    assert held.num_held == 2
    still = HeldStatistics()
    with still:
        F.batch_norm(x, torch.zeros(2), torch.ones(2))
        nn.BatchNorm1d(2).eval()(x)
    assert still.num_held == 0
