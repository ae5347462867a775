import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from trainwell.errors import BadData, BadValue, UnknownName
from trainwell.probes.expected_loss import expected_initial_loss, loss_of_constant

RARE = np.array([0] * 90 + [1] * 10)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_uniform_output_costs_log_of_the_classes_whatever_the_labels(smoothing):
    expected = expected_initial_loss("cross_entropy", RARE, num_classes=10, smoothing=smoothing)
    assert expected.loss == pytest.approx(2.302585)
    torch_says = F.cross_entropy(torch.zeros(100, 10), torch.tensor(RARE), label_smoothing=smoothing)
    assert expected.loss == pytest.approx(torch_says.item(), abs=1e-6)
    assert expected.allowed == 0.25
    assert expected.why == "log 10: all classes equally likely"


def test_classes_are_counted_when_not_given():
    assert expected_initial_loss("cross_entropy", np.arange(5)).loss == pytest.approx(math.log(5))


def test_prior_bias_costs_the_entropy_of_the_priors():
    expected = expected_initial_loss("cross_entropy", RARE, prior_bias=True)
    # -(0.9 log 0.9 + 0.1 log 0.1)
    assert expected.loss == pytest.approx(0.325083, abs=1e-6)
    assert expected.allowed == pytest.approx(0.25 * 0.325083, abs=1e-6)
    bias = torch.tensor([0.9, 0.1]).log().expand(100, 2)
    for smoothing in (0.0, 0.2):
        expected = expected_initial_loss("cross_entropy", RARE, prior_bias=True, smoothing=smoothing)
        torch_says = F.cross_entropy(bias, torch.tensor(RARE), label_smoothing=smoothing)
        assert expected.loss == pytest.approx(torch_says.item(), abs=1e-6)


def test_an_empty_class_costs_nothing_unless_labels_are_smoothed():
    assert expected_initial_loss("cross_entropy", RARE, num_classes=3, prior_bias=True).loss == pytest.approx(0.325083)
    with pytest.raises(BadData, match="A class has no sample"):
        expected_initial_loss("cross_entropy", RARE, num_classes=3, prior_bias=True, smoothing=0.1)


def test_bce():
    assert expected_initial_loss("bce", RARE).loss == pytest.approx(0.693147)
    assert expected_initial_loss("bce", RARE, prior_bias=True).loss == pytest.approx(0.325083, abs=1e-6)
    # Class numbers over three outputs with shares 0.5, 0.25, 0.25: (0.693147 + 2 * 0.562335) / 3.
    y = np.array([0, 0, 1, 2])
    assert expected_initial_loss("bce", y, num_classes=3, prior_bias=True).loss == pytest.approx(0.605939, abs=1e-6)
    share = torch.tensor([0.5, 0.25, 0.25])
    smoothed = 0.8 * F.one_hot(torch.tensor(y)).float() + 0.1
    torch_says = F.binary_cross_entropy_with_logits(share.logit().expand(4, 3), smoothed).item()
    seen = expected_initial_loss("bce", y, num_classes=3, prior_bias=True, smoothing=0.2).loss
    assert seen == pytest.approx(torch_says, abs=1e-6)


def test_regression():
    y = np.array([1.0, 3.0, 8.0])  # mean 4, variance (9 + 1 + 16) / 3
    assert expected_initial_loss("mse", y, prior_bias=True).loss == pytest.approx(26 / 3)
    assert expected_initial_loss("mse", y).loss == pytest.approx(26 / 3 + 16)
    assert expected_initial_loss("mse", y).allowed == pytest.approx(0.25 * (26 / 3 + 16))
    assert expected_initial_loss("mae", y).loss == pytest.approx(4.0)
    assert expected_initial_loss("mae", y, prior_bias=True).loss == pytest.approx(8 / 3)
    # Errors 3, 1, 4 with delta 2: 2 * (3 - 1), 1 / 2, 2 * (4 - 1).
    assert expected_initial_loss("huber", y, prior_bias=True, delta=2.0).loss == pytest.approx((4 + 0.5 + 6) / 3)
    two = np.stack([y, 10 * y], axis=1)
    assert expected_initial_loss("mse", two, prior_bias=True).loss == pytest.approx(26 / 3 * 101 / 2)


def test_any_other_loss_is_measured_on_a_constant_output():
    y = torch.arange(10)
    expected = loss_of_constant(lambda o, t: F.multi_margin_loss(o, t), torch.zeros(10), y)
    assert expected.loss == pytest.approx(0.9)  # margin 1 against each of 9 others, over 10
    assert expected.allowed == pytest.approx(0.225)
    assert loss_of_constant(F.cross_entropy, torch.zeros(10), y).allowed == 0.25
    # The targets' mean square is 28.5.
    assert loss_of_constant(F.mse_loss, torch.zeros(()), y.float()).allowed == pytest.approx(0.25 * 28.5)


@pytest.mark.parametrize(
    ("error", "text", "loss_id", "y", "options"),
    [
        (UnknownName, "Did you mean 'huber'", "hubert", [1.0], {}),
        (
            BadValue,
            r"smoothing=1.0 is not possible: expected a value in \[0, 1\)",
            "cross_entropy",
            [0],
            {"smoothing": 1.0},
        ),
        (BadData, "these 0 are none", "mse", [], {}),
        (BadData, "not finite", "mse", [1.0, math.nan], {}),
        (BadData, r"shape \(1, 2\)", "cross_entropy", [[0, 1]], {}),
        (BadData, "class numbers from 0 to C-1, got values from 0.5 to 1", "cross_entropy", [0.5, 1], {}),
        (BadData, "class numbers from 0 to 2, got values from 0 to 3", "cross_entropy", [0, 3], {"num_classes": 3}),
        (BadData, r"bce takes targets in \[0, 1\]; these reach from 0 to 2", "bce", [0, 2], {}),
    ],
)
def test_refusals(error, text, loss_id, y, options):
    with pytest.raises(error, match=text):
        expected_initial_loss(loss_id, y, **options)
