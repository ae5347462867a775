"""Biases: the small positive one, and the last one that carries the prior."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from trainwell.errors import BadValue
from trainwell.initializers import carry_prior, fill_biases

INPUTS = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))


def silent(num_outputs: int) -> nn.Linear:
    """A head whose weights are 0: its output is its bias."""
    head = nn.Linear(6, num_outputs)
    nn.init.zeros_(head.weight)
    return head


def test_fill_biases_reaches_layers_and_leaves_norms_and_weights() -> None:
    model = nn.Sequential(
        nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.Conv2d(3, 3, 3, bias=False), nn.Linear(4, 4), nn.LayerNorm(4)
    )
    weights = [module.weight.clone() for module in model]
    fill_biases(model, 0.01)
    assert all((model[i].bias == 0.01).all() for i in (0, 3))
    assert not model[1].bias.any() and not model[4].bias.any() and model[2].bias is None
    assert all(torch.equal(module.weight, weight) for module, weight in zip(model, weights, strict=True))
    fill_biases(model, 0.0)
    assert not model[0].bias.any()
    with pytest.raises(BadValue, match="bias=nan is not possible: expected a finite number"):
        fill_biases(model, math.nan)


def test_small_positive_bias_keeps_more_relus_above_0() -> None:
    model = nn.Sequential(nn.Linear(6, 1000), nn.ReLU())
    nn.init.normal_(model[0].weight, 0.0, 0.01, generator=torch.Generator().manual_seed(1))
    shares = []
    for value in (0.0, 0.01):
        fill_biases(model, value)
        shares.append((model(INPUTS) > 0).float().mean().item())
    # sd of w x: 0.01 |x|, |x| about sqrt(6), so the shares are 1/2 and Phi(1 / sqrt(6)) = 0.66
    assert shares == pytest.approx([0.5, 0.66], abs=0.03)


def test_initial_loss_is_the_entropy_of_the_classes() -> None:
    target, head = torch.tensor([0] * 5 + [1] * 2 + [2]), silent(3)
    carry_prior(head, target, 3)
    entropy = -(5 / 8 * math.log(5 / 8) + 2 / 8 * math.log(2 / 8) + 1 / 8 * math.log(1 / 8))
    assert functional.cross_entropy(head(INPUTS), target).item() == pytest.approx(entropy, rel=1e-6)
    torch.testing.assert_close(head.bias.exp(), torch.tensor([5 / 8, 2 / 8, 1 / 8]))


def test_absent_class_counts_as_half_a_sample() -> None:
    head = silent(3)
    carry_prior(head, torch.tensor([0, 0, 2]), 3)
    torch.testing.assert_close(head.bias.exp(), torch.tensor([2.0, 0.5, 1.0]) / 3.5)


def test_one_output_for_two_classes_is_the_log_odds() -> None:
    target, head = torch.tensor([1] * 6 + [0] * 2), silent(1)
    carry_prior(head, target, 2)
    loss = functional.binary_cross_entropy_with_logits(head(INPUTS)[:, 0], target.float())
    assert head.bias.item() == pytest.approx(math.log(3))
    assert loss.item() == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), rel=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
def test_initial_loss_is_the_variance_of_the_target(outputs: int) -> None:
    target = torch.randn(8, outputs, generator=torch.Generator().manual_seed(1)) * 3 + 7
    head = silent(outputs)
    carry_prior(head, target if outputs > 1 else target[:, 0], None)
    assert functional.mse_loss(head(INPUTS), target).item() == pytest.approx(
        target.var(0, correction=0).mean().item(), rel=1e-5
    )


def test_what_cannot_carry_a_prior_is_refused() -> None:
    with pytest.raises(BadValue, match="has no bias that could carry the prior"):
        carry_prior(nn.Linear(6, 3, bias=False), torch.tensor([0, 1, 2]), 3)
    with pytest.raises(BadValue, match="has no bias that could carry the prior"):
        carry_prior(nn.Flatten(), torch.tensor([0, 1, 2]), 3)
    with pytest.raises(BadValue, match="The head has 3 outputs and the target has 4"):
        carry_prior(silent(3), torch.tensor([0, 3]), 4)
    with pytest.raises(BadValue, match=r"whole numbers from 0 to 2, .* from 0 to 3"):
        carry_prior(silent(3), torch.tensor([0, 3]), 3)
    with pytest.raises(BadValue, match="the target is empty"):
        carry_prior(silent(3), torch.zeros(0, dtype=torch.int64), 3)
