"""LeNet, AlexNet and VGG: plain stacks."""

import pytest
import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.models import build, models


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]


def test_lenet_has_the_known_size() -> None:
    c1, c3, c5, f6, head = 6 * 25 + 6, 16 * 6 * 25 + 16, 120 * 400 + 120, 84 * 120 + 84, 10 * 84 + 10
    assert c1 + c3 + c5 + f6 + head == 61_706
    assert count(build("lenet", (1, 28, 28), 10, 0)) == 61_706
    assert count(build("lenet", (1, 32, 32), 10, 0)) == 61_706  # the paper pads 28 to 32


@pytest.mark.parametrize(("side", "left"), [(1, 1), (2, 1), (4, 1), (8, 2), (16, 2), (28, 5), (32, 5), (33, 5)])
def test_lenet_pads_where_the_map_would_be_used_up(side: int, left: int) -> None:
    model = build("lenet", (1, side, side), 2, 0)
    assert model.features(torch.zeros(1, 1, side, side)).shape == (1, 16, left, left)


def alexnet_size(width: int, units: int, outputs: int) -> int:
    """Parameters for images of 224 px, of which 6 x 6 are left."""
    wide, widest = 8 * width // 3, 4 * width
    maps = 121 * 3 * width + 25 * width * wide + 9 * (wide * widest + widest * widest + widest * wide)
    biases = width + wide + 2 * widest + wide
    return maps + biases + 36 * wide * units + units + units * units + units + units * outputs + outputs


def test_alexnet_has_the_size_of_one_tower() -> None:
    assert alexnet_size(96, 4096, 1000) == 62_378_344
    model = build(models.part("alexnet", width=12, hidden=(20, 20)), (3, 224, 224), 7, 0)
    assert count(model) == alexnet_size(12, 20, 7)


def test_alexnet_keeps_the_resolution_of_small_images() -> None:
    small = convolutions(build(models.part("alexnet", hidden=[8]), (3, 64, 64), 2, 0))[0]
    large = convolutions(build(models.part("alexnet", hidden=[8]), (3, 65, 65), 2, 0))[0]
    assert (small.kernel_size, small.stride) == ((5, 5), (1, 1))
    assert (large.kernel_size, large.stride) == ((11, 11), (4, 4))
    assert [layer.out_channels for layer in convolutions(build(models.part("alexnet", width=48), (1, 8, 8), 2, 0))] == [
        *(48, 128, 192, 192, 128)
    ]


def vgg_size(stages: tuple[int, ...], width: int, units: int, outputs: int) -> int:
    """Parameters for images of 224 px, of which 7 x 7 are left by five poolings."""
    channels, total = 3, 0
    for number, convolutions_here in enumerate(stages):
        features = width * min(8, 2**number)
        for _ in range(convolutions_here):
            total += 9 * channels * features + features
            channels = features
    return total + 49 * channels * units + units + units * units + units + units * outputs + outputs


@pytest.mark.parametrize(("stages", "size"), [((2, 2, 3, 3, 3), 138_357_544), ((1, 1, 2, 2, 2), 132_863_336)])
def test_vgg_has_the_sizes_of_the_paper(stages: tuple[int, ...], size: int) -> None:
    """Configurations D and A."""
    assert vgg_size(stages, 64, 4096, 1000) == size
    model = build(models.part("vgg", stages=stages, width=4, hidden=(20, 20)), (3, 224, 224), 7, 0)
    assert count(model) == vgg_size(stages, 4, 20, 7)


def test_vgg_doubles_its_channels_up_to_eight_times() -> None:
    model = build(models.part("vgg", stages=[1, 2, 1, 1, 1], width=4, hidden=[]), (1, 32, 32), 2, 0)
    assert [layer.out_channels for layer in convolutions(model)] == [4, 8, 8, 16, 32, 32]
    assert model.features(torch.zeros(1, 1, 32, 32)).shape == (1, 32, 1, 1)


def test_dropout_stands_behind_hidden_layers_and_else_before_the_head() -> None:
    deep = build(models.part("vgg", stages=[1], width=4, hidden=[8, 8], dropout="dropout"), (1, 8, 8), 2, 0)
    assert [type(m).__name__ for m in deep.hidden] == ["Linear", "ReLU", "Dropout"] * 2
    flat = build(models.part("vgg", stages=[1], width=4, hidden=[], dropout="dropout"), (1, 8, 8), 2, 0)
    assert [type(m).__name__ for m in flat.hidden] == ["Dropout"]
    ends = build(models.part("vgg", stages=[2], width=4, hidden=[], conv_dropout="channel_dropout"), (1, 8, 8), 2, 0)
    assert [type(m).__name__ for m in ends.features] == [
        *["Conv2d", "Identity", "ReLU"] * 2,
        "MaxPool2d",
        "ChannelDropout",
    ]


def test_the_last_pooling_makes_the_size_of_the_image_free() -> None:
    part = models.part("vgg", stages=[1, 1], width=4, hidden=[8], last_pooling="global_avg")
    model = build(part, (1, 16, 16), 2, 0)
    assert model.hidden[0].in_features == 8
    images = torch.randn(2, 1, 24, 20)
    pooled = model.features(images).mean((2, 3))
    torch.testing.assert_close(model(images), model.head(model.hidden(pooled)))


def test_maxout_reads_wider_layers_and_gives_the_same_width() -> None:
    part = models.part("vgg", stages=[1], width=4, hidden=[8], activation={"name": "maxout", "pieces": 3})
    model = build(part, (1, 8, 8), 2, 0)
    assert convolutions(model)[0].out_channels == 12
    assert (model.hidden[0].in_features, model.hidden[0].out_features, model.head.in_features) == (64, 24, 8)


def test_a_stack_starts_where_he_keeps_the_signal_and_small_weights_lose_it() -> None:
    """The root mean square behind eight convolutions, over that of the input."""
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def kept(initializer: str) -> float:
        part = models.part("vgg", stages=[2, 2, 2, 2], width=32, hidden=[], initializer=initializer)
        return build(part, (3, 32, 32), 2, 0).features(images).square().mean().sqrt().item()

    assert 0.2 < kept("he_normal") < 5
    assert kept("xavier_normal") < 0.2 * kept("he_normal")
    assert kept("small_gaussian") < 1e-3 * kept("he_normal")


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(BadValue, match=r"vgg takes images \(C, H, W\), got shape \(13,\). For rows take mlp"):
        build("vgg", (13,), 2, 0)
    with pytest.raises(BadValue, match=r"lenet takes images \(C, H, W\), got shape \(13,\)"):
        build("lenet", (13,), 2, 0)
    with pytest.raises(BadValue, match=r"vgg.stages=\(2, 0\) is not possible"):
        build(models.part("vgg", stages=[2, 0]), (3, 8, 8), 2, 0)
    with pytest.raises(BadValue, match="alexnet has a width below 1"):
        build(models.part("alexnet", hidden=[0]), (3, 8, 8), 2, 0)
