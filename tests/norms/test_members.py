import pytest
import torch

from trainwell.errors import BadValue
from trainwell.norms import norms

INPUTS = torch.randn(16, 6, 4, 4, generator=torch.Generator().manual_seed(0)) * 3 + 2


def test_batch_by_hand_and_its_running_statistics() -> None:
    module = norms["batch"](6, 2, eps=1e-5, momentum=0.4)
    mean, variance = INPUTS.mean((0, 2, 3)), INPUTS.var((0, 2, 3), correction=0)
    expected = (INPUTS - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    torch.testing.assert_close(module(INPUTS), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(module.running_mean, 0.4 * mean)


def test_batch_with_its_scale_frozen_still_learns_its_shift() -> None:
    module = norms["batch"](6, 2, learn_scale=False)
    assert not module.weight.requires_grad
    assert module.bias.requires_grad


def test_layer_has_one_mean_and_variance_a_sample() -> None:
    expected = (INPUTS - INPUTS.mean((1, 2, 3), keepdim=True)) / (
        INPUTS.var((1, 2, 3), correction=0, keepdim=True) + 1e-5
    ).sqrt()
    torch.testing.assert_close(norms["layer"](6, 2)(INPUTS), expected, atol=1e-5, rtol=0)
    rows = INPUTS[:, :, 0, 0]
    expected = (rows - rows.mean(1, keepdim=True)) / (rows.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(norms["layer"](6, 0)(rows), expected, atol=1e-5, rtol=0)


def test_group_by_hand_and_refusal() -> None:
    grouped = INPUTS.reshape(16, 3, 32)
    expected = (grouped - grouped.mean(2, keepdim=True)) / (grouped.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(
        norms["group"](6, 2, num_groups=3)(INPUTS), expected.reshape(INPUTS.shape), atol=1e-5, rtol=0
    )
    with pytest.raises(BadValue, match=r"num_groups=4 does not divide 6 features. Take one of \[1, 2, 3, 6\]"):
        norms["group"](6, 2, num_groups=4)


def test_none_is_the_identity() -> None:
    assert norms["none"](6, 2)(INPUTS) is INPUTS
