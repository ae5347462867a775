import pytest
import torch
from torch import nn

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
    with pytest.raises(BadValue, match=r"num_groups=4 does not divide 6 features .* Expected one of \[1, 2, 3, 6\]"):
        norms["group"](6, 2, num_groups=4)


@pytest.mark.parametrize(("features", "groups"), [(128, 32), (64, 32), (32, 16), (48, 24), (8, 4), (7, 1), (1, 1)])
def test_group_takes_32_or_what_leaves_two_in_each(features: int, groups: int) -> None:
    assert norms["group"](features, 2).num_groups == groups


def test_groups_of_one_feature_are_refused_on_rows() -> None:
    with pytest.raises(BadValue, match=r"Expected one of \[1, 2, 3\]"):
        norms["group"](6, 0, num_groups=6)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_instance_equals_torch_and_by_hand(dimensions: int) -> None:
    maps = torch.randn((4, 6) + (5,) * dimensions, generator=torch.Generator().manual_seed(1)) * 3 + 2
    over = tuple(range(2, 2 + dimensions))
    expected = (maps - maps.mean(over, keepdim=True)) / (maps.var(over, correction=0, keepdim=True) + 1e-3).sqrt()
    module = norms["instance"](6, dimensions, eps=1e-3)
    torch.testing.assert_close(module(maps), expected, atol=1e-5, rtol=0)
    reference = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)[dimensions - 1](6, eps=1e-3, affine=True)
    with torch.no_grad():
        for own, other in zip(module.parameters(), reference.parameters(), strict=True):
            other.copy_(own.uniform_(-2, 2, generator=torch.Generator().manual_seed(2)))
    torch.testing.assert_close(module(maps), reference(maps), atol=1e-5, rtol=0)


@pytest.mark.parametrize("mode", [True, False])
def test_instance_refuses_maps_of_one_position(mode: bool) -> None:
    with pytest.raises(BadValue, match=r"one position, \(4, 6, 1, 1\).*take group or layer"):
        norms["instance"](6, 2).train(mode)(torch.ones(4, 6, 1, 1))


def test_rms_by_hand_and_against_torch() -> None:
    module = norms["rms"](6, 2)
    expected = INPUTS / (INPUTS.square().mean(1, keepdim=True) + 1e-6).sqrt()
    torch.testing.assert_close(module(INPUTS), expected, atol=1e-5, rtol=0)
    rows = INPUTS[:, :, 0, 0]
    reference = nn.RMSNorm(6, eps=1e-6)
    with torch.no_grad():
        reference.weight.copy_(module.weight.copy_(torch.arange(6.0)))
    torch.testing.assert_close(norms["rms"](6, 0)(rows), expected[:, :, 0, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(module(rows), reference(rows), atol=1e-6, rtol=0)
    torch.testing.assert_close(module(INPUTS), expected * torch.arange(6.0)[:, None, None], atol=1e-5, rtol=0)


def test_rms_of_nothing_is_nothing() -> None:
    assert torch.equal(norms["rms"](6, 0, eps=0.5)(torch.zeros(2, 6)), torch.zeros(2, 6))
    assert norms["rms"](1, 0, eps=0.75)(torch.full((1, 1), 0.5)).item() == pytest.approx(0.5)  # 0.5 / sqrt(1/4 + 3/4)


def test_none_is_the_identity() -> None:
    assert norms["none"](6, 2)(INPUTS) is INPUTS
