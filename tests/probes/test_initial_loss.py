import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.errors import BadValue
from trainwell.probes.expected_loss import Expected, expected_initial_loss
from trainwell.probes.initial_loss import initial_loss

TEN = Expected(math.log(10), 0.25, "log 10")


def he(model):
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model


def test_a_healthy_network_passes(mlp, batches, digits):
    result = initial_loss(mlp, F.cross_entropy, batches, expected=expected_initial_loss("cross_entropy", digits[1]))
    assert result.ok
    assert result.advice == ""
    assert result.loss == pytest.approx(math.log(10), abs=0.1)
    assert result.num_batches == 4
    assert result.message.startswith(f"loss {result.loss:.4g} before training, expected 2.303 +- 0.25 (log 10")
    assert result.json()["probe"] == "initial_loss"


def test_mean_and_spread_are_those_of_the_batches():
    values = [1.0, 2.0, 6.0]
    result = initial_loss(
        nn.Identity(),
        lambda output, _: output.sum(),
        lambda step: (torch.tensor([values[step]]), None),
        expected=Expected(2.0, 0.1, "by hand"),
        num_batches=3,
    )
    assert result.loss == 3.0
    assert result.spread == pytest.approx(math.sqrt((4 + 1 + 9) / 2))
    # Four standard errors, 4 * 2.646 / sqrt(3) = 6.11, are more than 0.1.
    assert result.allowed == pytest.approx(6.1101, abs=1e-4)
    assert result.ok
    assert result.input_largest == 6.0


def test_he_on_the_last_layer_is_too_large(mlp, batches):
    result = initial_loss(he(mlp), F.cross_entropy, batches, expected=TEN)
    assert not result.ok
    assert 2.6 < result.loss < 3.4
    assert result.output_spread > 0.8


def test_raw_pixels_through_a_huge_head_name_the_inputs(digits):
    x = (digits[0] - digits[0].min()) / 16 * 255
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    result = initial_loss(he(model), F.cross_entropy, lambda _: (x[:64], digits[1][:64]), expected=TEN, num_batches=2)
    assert not result.ok
    assert result.loss > 10
    assert f"Inputs reach {result.input_largest:.4g}: standardise them" in result.advice


def test_a_large_head_on_good_inputs_names_the_head(mlp, batches):
    result = initial_loss(
        he(mlp), F.cross_entropy, lambda s: (batches(s)[0].clamp(-3, 3), batches(s)[1]), expected=TEN, num_batches=1
    )
    assert not result.ok
    assert result.spread == 0.0
    assert "initialise the last layer small" in result.advice


def test_lower_than_possible_is_a_leak(batches):
    result = initial_loss(
        nn.Identity(),
        F.cross_entropy,
        lambda s: (F.one_hot(batches(s)[1], 10) * 9.0, batches(s)[1]),
        expected=TEN,
    )
    assert not result.ok
    assert "a leak" in result.advice


def test_training_mode_is_what_is_measured():
    # Over a batch, batch norm in training mode has outputs of deviation 1; in evaluation mode it would have 1000.
    model = nn.Sequential(nn.BatchNorm1d(64, affine=False)).eval()
    result = initial_loss(
        model,
        lambda output, _: output.var(0, correction=0).mean(),
        lambda _: (torch.randn(32, 64) * 1000, None),
        expected=Expected(1.0, 0.01, "normalised"),
    )
    assert result.ok, result.message


def test_not_finite(mlp, batches):
    def broken(step):
        x, y = batches(step)
        x = x.clone()
        x[0, 0] = math.nan
        return x, y

    result = initial_loss(mlp, F.cross_entropy, broken, expected=TEN)
    assert not result.ok
    assert "loss nan before training, expected 2.303" in result.message
    assert "input holds NaN" in result.advice
    assert result.json()["loss"] is None
    overflowing = initial_loss(
        nn.Linear(1, 1), lambda o, _: o.sum() * 0 + math.inf, lambda _: (torch.ones(1, 1), None), expected=TEN
    )
    assert not overflowing.ok
    assert "overflows" in overflowing.advice


def test_nothing_is_touched_and_a_second_call_agrees(mlp, batches, digits, nothing_touched):
    with nothing_touched(mlp, *digits):
        first = initial_loss(mlp, F.cross_entropy, batches, expected=TEN)
    torch.manual_seed(99)
    assert initial_loss(mlp, F.cross_entropy, batches, expected=TEN) == first
    assert initial_loss(mlp, F.cross_entropy, batches, expected=TEN, seed=1).loss != first.loss


def test_no_batches_is_refused(mlp, batches):
    with pytest.raises(BadValue, match="num_batches=0 is not possible"):
        initial_loss(mlp, F.cross_entropy, batches, expected=TEN, num_batches=0)
