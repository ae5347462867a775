import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.errors import BadValue
from trainwell.probes.overfit import adamw, overfit, without_dropout


@pytest.fixture
def sample(digits):
    return digits[0][:20], digits[1][:20]


def tanh_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))


def test_a_healthy_network_learns_twenty_samples(mlp, sample):
    result = overfit(mlp, F.cross_entropy, sample)
    assert result.ok, result.message
    assert result.accuracy == 1.0
    assert result.goal == pytest.approx(0.01 * math.log(10), rel=0.02)
    assert result.loss <= result.goal < result.initial
    assert result.attempts == 1
    assert len(result.losses) == result.steps < 300
    assert result.losses[0] == result.initial
    assert result.losses[-1] == result.loss
    assert result.no_gradient == ()
    assert "100% right, expected at most 0.0227" in result.message


def test_a_large_head_does_not_make_the_goal_easier(sample):
    model = tanh_net()
    model[-1].weight.data.mul_(20)
    result = overfit(model, F.cross_entropy, sample)
    assert result.initial > 4
    assert result.goal == pytest.approx(0.0230, abs=1e-4)


def test_regression_is_measured_against_the_mean_target(sample):
    x = sample[0]
    y = x[:, 20:21] * 100 + 1000
    model = tanh_net()[:2].append(nn.Linear(32, 1))
    # The initial loss is about a million; the loss of the mean is the variance, some thousands.
    result = overfit(model, F.mse_loss, (x, y))
    assert result.goal == pytest.approx(0.01 * y.var(correction=0).item(), rel=1e-4)
    assert result.initial > 1e5
    assert result.accuracy is None
    assert not result.ok
    assert "give the last bias their mean" in result.advice
    nn.init.constant_(model[-1].bias, 1.0)
    assert overfit(model, F.mse_loss, (x, y / 100 - 9)).ok
    flat = overfit(model, lambda output, target: F.mse_loss(output[:, 0], target), (x, y[:, 0]))
    assert flat.goal == pytest.approx(result.goal)


def test_the_callers_optimizer_is_used_without_decay(sample):
    seen = []

    def make_optimizer(model, lr):
        seen.append((lr, torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=0.5)))
        return seen[-1][1]

    result = overfit(tanh_net(), F.cross_entropy, sample, make_optimizer=make_optimizer, rates=(1e-6, 0.2))
    assert result.ok
    assert (result.lr, result.attempts) == (0.2, 2)
    assert [lr for lr, _ in seen] == [1e-6, 0.2]
    assert all(optimizer.param_groups[0]["weight_decay"] == 0.0 for _, optimizer in seen)


def test_an_attempt_that_does_not_move_is_given_up_early(sample):
    result = overfit(tanh_net(), F.cross_entropy, sample, rates=(1e-7,), steps=300)
    assert not result.ok
    assert result.steps == 76
    assert "hardly moves" in result.advice


def test_zero_initialisation_fails(sample):
    model = tanh_net()
    for p in model.parameters():
        nn.init.zeros_(p)
    result = overfit(model, F.cross_entropy, sample)
    assert not result.ok
    assert result.no_gradient == ("0.weight", "0.bias", "2.weight")
    assert "no gradient in 0.weight, 0.bias, 2.weight" in result.message
    assert "weights initialised with zeros" in result.advice


def test_softmax_twice_fails(sample):
    model = tanh_net().append(nn.Softmax(1))
    result = overfit(model, F.cross_entropy, sample)
    assert not result.ok
    assert result.accuracy == 1.0
    # The best that softmax of a one-hot vector can do: log(1 + 9 / e) = 1.461.
    assert 1.461 < result.loss < 1.6
    assert result.attempts == 3
    assert "softmax or sigmoid applied before a loss" in result.advice


def test_a_detached_layer_fails_although_the_rest_learns(sample):
    result = overfit(
        tanh_net(), F.cross_entropy, sample, forward=lambda model, x: model[2](model[1](model[0](x)).detach())
    )
    assert not result.ok
    assert result.loss <= result.goal
    assert result.no_gradient == ("0.weight", "0.bias")
    assert "does not reach 0.weight, 0.bias: a `detach`" in result.advice


def test_a_layer_frozen_on_purpose_is_no_fault(sample):
    model = tanh_net()
    model[0].requires_grad_(False)
    assert overfit(model, F.cross_entropy, sample).ok


def test_everything_frozen(sample):
    model = tanh_net().requires_grad_(False)
    result = overfit(model, F.cross_entropy, sample)
    assert not result.ok
    assert "no parameter is trainable" in result.message
    assert "requires_grad" in result.advice
    assert result.json()["loss"] is None


def test_an_output_that_ignores_the_input(sample):
    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.randn(10))

        def forward(self, x):
            return self.bias.expand(len(x), 10)

    result = overfit(Blind(), F.cross_entropy, sample)
    assert not result.ok
    assert "the same for all samples" in result.advice


def test_contradicting_labels_are_counted(sample):
    x = torch.cat([sample[0][:8], sample[0][:2]])
    y = torch.cat([sample[1][:8], (sample[1][:2] + 1) % 10])
    result = overfit(tanh_net(), F.cross_entropy, (x, y))
    assert not result.ok
    # Half right on two pairs of ten samples: the floor is 4 / 10 * log 2 = 0.277.
    assert result.loss == pytest.approx(0.277, abs=0.02)
    assert result.advice.startswith("2 of the samples")


def test_too_little_capacity(sample):
    torch.manual_seed(0)
    result = overfit(nn.Sequential(nn.Linear(64, 1), nn.Tanh(), nn.Linear(1, 10)), F.cross_entropy, sample)
    assert not result.ok
    assert "too few parameters" in result.advice


def test_nan_before_and_after_the_first_step(sample):
    x = sample[0].clone()
    x[3, 3] = math.nan
    result = overfit(tanh_net(), F.cross_entropy, (x, sample[1]))
    assert not result.ok
    assert "not finite before the first step" in result.advice
    assert result.steps == 1

    def root(output, y):
        # Infinite slope at 0: the weights are NaN after one step.
        return (output * 0).sum().sqrt() + F.cross_entropy(output, y)

    result = overfit(tanh_net(), root, sample)
    assert not result.ok
    assert "became nan at every rate that was tried" in result.advice
    assert result.steps == 2
    assert result.attempts == 3


def test_dropout_is_off_and_batch_norm_is_not():
    class DropBranch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.branch = nn.BatchNorm1d(4)

    model = nn.ModuleDict(
        {"drop": nn.Dropout(), "branch": DropBranch(), "rnn": nn.LSTM(2, 2, 2, dropout=0.5), "norm": nn.BatchNorm1d(4)}
    ).train()
    without_dropout(model)
    assert not model["drop"].training
    assert not model["branch"].training
    assert model["branch"].branch.training
    assert model["rnn"].dropout == 0.0
    assert model["rnn"].training
    assert model["norm"].training


def test_heavy_dropout_does_not_hide_a_healthy_network(sample):
    model = tanh_net()
    model.insert(1, nn.Dropout(0.95))
    assert overfit(model, F.cross_entropy, sample).steps == overfit(tanh_net(), F.cross_entropy, sample).steps


def test_a_goal_of_ones_own(sample):
    result = overfit(tanh_net(), F.cross_entropy, sample, goal=1.0)
    assert result.goal == 1.0
    assert result.ok
    assert 0.5 < result.loss <= 1.0


def test_lbfgs_works_too(sample):
    def lbfgs(model, lr):
        return torch.optim.LBFGS(model.parameters(), lr=lr)

    assert overfit(tanh_net(), F.cross_entropy, sample, make_optimizer=lbfgs, rates=(0.5,)).ok


def test_nothing_is_touched_and_a_second_call_agrees(mlp, sample, nothing_touched):
    optimizer = adamw(mlp, 1e-3)
    mlp(sample[0]).sum().backward()
    optimizer.step()
    before = [value.clone() for state in optimizer.state.values() for value in state.values()]
    with nothing_touched(mlp, *sample):
        first = overfit(mlp, F.cross_entropy, sample)
    torch.manual_seed(99)
    assert overfit(mlp, F.cross_entropy, sample) == first
    after = [value for state in optimizer.state.values() for value in state.values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_no_rates_is_refused(mlp, sample):
    with pytest.raises(BadValue, match=r"rates=\(\), steps=300 is not possible"):
        overfit(mlp, F.cross_entropy, sample, rates=())
