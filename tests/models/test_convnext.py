import pytest
import torch
from torch import nn

from trainwell.draws import StepDraws
from trainwell.dropouts import attach
from trainwell.errors import BadValue
from trainwell.models import build, models


def test_size_is_the_known_one() -> None:
    model = build(models.part("convnext", initializer="zeros"), (3, 224, 224), 1000, 0)
    assert sum(p.numel() for p in model.parameters()) == 28_589_128  # ConvNeXt-T


def test_a_branch_by_hand() -> None:
    model = build(models.part("convnext", blocks=[1], width=32, scale=0.5), (3, 8, 8), 2, 0)
    residual = model[2]
    maps = torch.randn(2, 32, 8, 8, generator=torch.Generator().manual_seed(0))
    depthwise, norm, widen, _, narrow = residual.branch.branch.layers
    assert (depthwise.groups, widen.out_channels, narrow.in_channels) == (32, 128, 128)
    inside = nn.functional.gelu(widen(norm(depthwise(maps))))
    torch.testing.assert_close(residual(maps), maps + 0.5 * narrow(inside))


@pytest.mark.parametrize(
    ("side", "patch", "left"), [(8, 1, 2), (32, 1, 8), (111, 1, 27), (112, 2, 14), (224, 4, 14), (300, 4, 18)]
)
def test_patches_keep_small_images_whole(side: int, patch: int, left: int) -> None:
    model = build(models.part("convnext", blocks=[1, 1, 1], width=4), (1, side, side), 2, 0)
    assert model[0].stride == (patch, patch)
    reached = []
    model[-3].register_forward_pre_hook(lambda _, inputs: reached.append(tuple(inputs[0].shape[1:])))
    model(torch.zeros(1, 1, side, side))
    assert reached == [(16, left, left)]


def test_stages_stop_shrinking_at_one_pixel() -> None:
    model = build(models.part("convnext", blocks=[1, 1, 1], width=4), (1, 2, 2), 2, 0)
    assert [m.stride for m in model if isinstance(m, nn.Conv2d)] == [(1, 1), (2, 2), (1, 1)]


def test_branches_start_almost_at_nothing() -> None:
    residual = build(models.part("convnext", blocks=[1], width=8), (3, 8, 8), 2, 0)[2]
    maps = torch.randn(2, 8, 8, 8)
    torch.testing.assert_close(residual(maps), maps, atol=1e-4, rtol=0)
    assert residual.branch.branch.scale.tolist() == [pytest.approx(1e-6)] * 8


def test_stochastic_depth_rises_evenly_from_0() -> None:
    model = build(models.part("convnext", blocks=[2, 3], width=4, stochastic_depth=0.4, scale=1.0), (1, 8, 8), 2, 0)
    dropping = [module for module in model.modules() if hasattr(module, "p")]
    assert [module.p for module in dropping] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    draws = StepDraws(seed=0)
    assert attach(model, draws) == 5
    images = torch.randn(8, 1, 8, 8)
    first = model(images)
    assert torch.equal(model(images), first)
    draws.step = 1
    assert not torch.equal(model(images), first)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(BadValue, match=r"convnext.blocks=\(1, 0\) is not possible"):
        build(models.part("convnext", blocks=[1, 0]), (3, 8, 8), 2, 0)
    with pytest.raises(BadValue, match=r"convnext takes images \(C, H, W\), got shape \(4,\)"):
        build("convnext", (4,), 2, 0)
