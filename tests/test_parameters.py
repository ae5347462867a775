import math

import torch
from torch import nn

from trainwell.parameters import global_norm, is_norm, weights_of


class FancyLayerNorm2d(nn.Module):
    pass


class PreNormAttention(nn.Module):
    pass


def test_norms_are_known_by_the_end_of_their_name() -> None:
    norms = [
        nn.BatchNorm1d(2),
        nn.BatchNorm2d(2),
        nn.LayerNorm(2),
        nn.GroupNorm(1, 2),
        nn.RMSNorm(2),
        FancyLayerNorm2d(),
    ]
    assert all(is_norm(module) for module in norms)
    assert not any(is_norm(module) for module in (nn.Linear(2, 2), nn.Conv2d(1, 1, 1), PreNormAttention()))


def test_weights_are_learnt_matrices_outside_of_norms() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm([4, 3]), nn.Linear(3, 3), nn.Linear(3, 1))
    model[2].weight.requires_grad_(False)
    assert [tuple(weight.shape) for weight in weights_of(model)] == [(3, 2), (1, 3)]


def test_a_weight_that_is_shared_counts_once() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    assert len(weights_of(model)) == 1


def test_global_norm_is_that_of_one_long_vector() -> None:
    assert global_norm([torch.tensor([3.0]), torch.tensor([[4.0, 12.0]])]).item() == 13.0
    assert global_norm([]).item() == 0.0
    half = global_norm([torch.full((1000,), 0.1, dtype=torch.bfloat16)])
    assert half.dtype == torch.float32
    assert math.isclose(half.item(), 0.1 * math.sqrt(1000), rel_tol=2e-3)
    assert global_norm([torch.tensor([3.0, 4.0], dtype=torch.float64)]).dtype == torch.float64
