import pytest
import torch
from torch import nn

from trainwell.draws import StepDraws
from trainwell.dropouts import attach
from trainwell.errors import BadValue
from trainwell.models import build, models


@pytest.mark.parametrize(
    ("id", "count"), [("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032)]
)
def test_size_is_the_known_one(id: str, count: int) -> None:
    assert sum(p.numel() for p in build(id, (3, 224, 224), 1000, 0).parameters()) == count


def test_names_and_shapes_are_torchvisions() -> None:
    state = {name: tuple(value.shape) for name, value in build("resnet50", (3, 224, 224), 1000, 0).state_dict().items()}
    assert list(state)[:3] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert len(state) == 320
    assert state["conv1.weight"] == (64, 3, 7, 7)
    assert state["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert state["layer1.0.downsample.1.running_var"] == (256,)
    assert state["layer4.2.conv3.weight"] == (2048, 512, 1, 1)
    assert state["layer3.5.bn3.num_batches_tracked"] == ()
    assert state["fc.weight"] == (1000, 2048)
    small = build("resnet18", (3, 64, 80), 10, 0).state_dict()
    assert "layer1.0.downsample.0.weight" not in small
    assert small["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1)


def maps_before_the_head(side: int) -> tuple[int, ...]:
    model = build("resnet18", (1, side, side), 2, 0).eval()
    seen = []
    model.avgpool.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[1:])))
    model(torch.zeros(1, 1, side, side))
    return seen[0]


def test_small_images_keep_their_resolution_in_the_stem() -> None:
    assert maps_before_the_head(32) == (512, 4, 4)
    assert maps_before_the_head(8) == (512, 1, 1)
    assert maps_before_the_head(96) == (512, 3, 3)


def test_branches_start_at_0() -> None:
    torch.manual_seed(0)
    block = build("resnet18", (3, 32, 32), 10, 0).layer1[0].eval()
    maps = torch.randn(2, 64, 8, 8)
    torch.testing.assert_close(block(maps), maps.relu())
    unnormed = build(models.part("resnet18", norm="none"), (3, 32, 32), 10, 0).layer1[0]
    torch.testing.assert_close(unnormed(maps), maps.relu())
    started = build(models.part("resnet18", zero_init_residual=False), (3, 32, 32), 10, 0)
    assert not torch.allclose(started.layer1[0].eval()(maps), maps.relu())
    assert started.layer1[0].conv1.weight.std().item() == pytest.approx((2 / 576) ** 0.5, rel=0.03)


def test_bottleneck_shrinks_at_its_3_by_3() -> None:
    block = build("resnet50", (3, 224, 224), 10, 0).layer2[0]
    assert [block.conv1.stride, block.conv2.stride, block.conv3.stride] == [(1, 1), (2, 2), (1, 1)]


def test_stochastic_depth_rises_evenly_and_drops_branches() -> None:
    model = build(models.part("resnet18", stochastic_depth=0.8, zero_init_residual=False), (1, 16, 16), 2, 0)
    blocks = [module for module in model.modules() if hasattr(module, "skip")]
    assert [block.skip.p for block in blocks] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    draws = StepDraws(seed=0)
    assert attach(model, draws) == 8
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.eval()
    images = torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    first = model(images)
    assert torch.equal(model(images), first)
    draws.step = 1
    assert not torch.equal(model(images), first)


def test_rows_are_refused() -> None:
    with pytest.raises(BadValue, match=r"takes images \(C, H, W\), got shape \(13,\). For rows take mlp"):
        build("resnet34", (13,), 2, 0)


def test_norms_behind_the_inner_activations() -> None:
    before, after = (
        build(models.part("resnet18", width=4, norm_place=place, zero_init_residual=False), (3, 16, 16), 2, 0).layer1[0]
        for place in ("before", "after")
    )
    maps = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    for block in (before, after):
        block.bn1.weight.data.fill_(-1.0)  # so that the order shows
    inner = before.bn1(before.conv1(maps)).relu()
    torch.testing.assert_close(before(maps), (before.bn2(before.conv2(inner)) + maps).relu())
    inner = after.bn1(after.conv1(maps).relu())
    torch.testing.assert_close(after(maps), (after.bn2(after.conv2(inner)) + maps).relu())
    assert before.conv1.bias is None
    assert after.conv1.bias is not None  # a shift in front of an activation is not taken out behind it
    assert after.conv2.bias is None


def test_the_stem_follows_the_place_of_the_norm() -> None:
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    model = build(models.part("resnet18", width=4, norm_place="after"), (3, 16, 16), 2, 0)
    reached = []
    model.layer1.register_forward_pre_hook(lambda _, inputs: reached.append(inputs[0]))
    model(images)
    torch.testing.assert_close(reached[0], model.bn1(model.conv1(images).relu()))


def test_dropout_stands_between_the_convolutions_of_a_branch() -> None:
    block = build(models.part("resnet50", width=4, dropout={"name": "dropout", "p": 0.25}), (3, 8, 8), 2, 0).layer1[0]
    assert [name for name, m in block.named_modules() if hasattr(m, "p") and m.p == 0.25] == [
        "dropout1.0",
        "dropout2.0",
    ]
    wrapped = build(models.part("resnet18", width=4, dropout="dropconnect"), (3, 8, 8), 2, 0).layer1[0]
    assert {name for name in wrapped.state_dict() if name.startswith("conv")} == {
        "conv1.wrapped.weight",
        "conv2.wrapped.weight",
    }
    plain = build(models.part("resnet18", width=4, dropout="dropconnect", norm="none"), (3, 8, 8), 2, 0).layer1[0]
    assert not plain.conv2.wrapped.weight.any()  # the branch starts at 0 here too


def test_width_scales_every_layer() -> None:
    model = build(models.part("resnet50", width=16), (3, 32, 32), 10, 0)
    assert model.conv1.out_channels == 16
    assert model.layer4[2].conv3.weight.shape == (512, 128, 1, 1)


def test_the_last_pooling_is_a_choice() -> None:
    model = build(models.part("resnet18", width=4, last_pooling="global_max"), (3, 32, 32), 2, 0).eval()
    reached = []
    model.fc.register_forward_pre_hook(lambda _, inputs: reached.append(inputs[0]))
    model.layer4.register_forward_hook(lambda _, __, output: reached.append(output))
    model(torch.randn(2, 3, 32, 32))
    assert torch.equal(reached[0].amax((2, 3)), reached[1])
