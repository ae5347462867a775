import pytest
import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.models import build, models, prepare


def images(count: int, channels: int, side: int) -> torch.Tensor:
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(0))


def test_size_on_cifar_is_that_of_the_paper() -> None:
    model = build("convnet", (3, 32, 32), 10, 0)
    whiten, norms = 24 * 12 + 24, 2 * (2 * 64 + 4 * 256)
    convolutions = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256)
    assert sum(p.numel() for p in model.parameters()) == whiten + convolutions + norms + 2560
    learnt = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert learnt == whiten - 24 * 12 + convolutions + norms // 2 + 2560  # filters and scales are frozen


@pytest.mark.parametrize("side", [2, 3, 8, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_works_on_small_images_of_any_number_of_channels(side: int, channels: int) -> None:
    model = build(models.part("convnet", width=8), (channels, side, side), 1, 0)
    batch = images(4, channels, side)
    assert prepare(model, batch) == ["whiten"]
    assert model(batch).shape == (4, 1)


def test_the_map_is_pooled_while_it_can_be() -> None:
    def side_at_the_end(side: int, **args: object) -> tuple[int, ...]:
        model = build(models.part("convnet", width=4, **args), (1, side, side), 2, 0)
        return tuple(model.blocks(model.whiten(images(2, 1, side))).shape[1:])

    assert side_at_the_end(32) == (16, 3, 3)
    assert side_at_the_end(8) == (16, 1, 1)
    assert side_at_the_end(32, pooling={"name": "avg", "size": 3}) == (16, 1, 1)
    assert side_at_the_end(32, blocks=2, convolutions=3) == (16, 7, 7)


def test_whitened_patches_are_uncorrelated_and_stay_so() -> None:
    model = build("convnet", (1, 12, 12), 2, 0)
    batch = torch.nn.functional.avg_pool2d(images(200, 1, 14), 3, 1) * 3
    prepare(model, batch)
    covariance = torch.cov(model.whiten(batch)[:, :4].transpose(0, 1).flatten(1))
    torch.testing.assert_close(covariance, torch.eye(4), atol=0.02, rtol=0)
    assert not model.whiten.weight.requires_grad
    assert model.whiten.bias.requires_grad
    assert model.whiten.bias.abs().sum() == 0


def test_without_whitening_the_patches_are_learnt() -> None:
    model = build(models.part("convnet", whitening=False), (1, 12, 12), 2, 0)
    before = model.whiten.weight.clone()
    assert prepare(model, images(4, 1, 12)) == []
    assert torch.equal(model.whiten.weight, before)
    assert model.whiten.weight.requires_grad


def test_convolutions_start_by_passing_on_their_input() -> None:
    model = build("convnet", (3, 32, 32), 10, 0)
    second = model.blocks[4]
    maps = images(2, 64, 5)
    assert isinstance(second, nn.Conv2d)
    torch.testing.assert_close(second(maps), maps)


def test_outputs_are_scaled_and_the_norm_is_short_of_memory() -> None:
    batch = images(8, 1, 8)
    whole = build(models.part("convnet", head_scale=1.0), (1, 8, 8), 2, 0)
    ninth = build("convnet", (1, 8, 8), 2, 0)
    torch.testing.assert_close(ninth(batch), whole(batch) / 9)
    norm = next(module for module in ninth.modules() if isinstance(module, nn.BatchNorm2d))
    assert (norm.momentum, norm.weight.requires_grad) == (0.4, False)


def test_dropout_stands_before_the_head() -> None:
    model = build(models.part("convnet", dropout={"name": "dropout", "p": 0.9}), (1, 8, 8), 2, 0)
    batch = images(8, 1, 8)
    assert not torch.equal(model(batch), model(batch))
    assert torch.equal(model.eval()(batch), model(batch))


def test_what_it_cannot_take_is_refused() -> None:
    with pytest.raises(BadValue, match=r"images \(C, H, W\) of at least 2 px, got shape \(13,\)"):
        build("convnet", (13,), 2, 0)
    with pytest.raises(BadValue, match="of at least 2 px"):
        build("convnet", (3, 1, 8), 2, 0)
    with pytest.raises(BadValue, match="a pooling of the whole map leaves nothing"):
        build(models.part("convnet", pooling="global_avg"), (3, 8, 8), 2, 0)


def test_pieces_that_do_not_divide_the_patches_are_refused() -> None:
    with pytest.raises(
        BadValue, match=r"maxout\(pieces=5\) takes 5 channels for one, and the 2 x 2 patches .* give 24"
    ):
        build(models.part("convnet", activation={"name": "maxout", "pieces": 5}), (3, 8, 8), 2, 0)


def test_a_norm_behind_the_activation_leaves_the_bias() -> None:
    model = build(models.part("convnet", width=4, blocks=1, norm_place="after"), (1, 8, 8), 2, 0)
    kinds = [type(module).__name__ for module in model.blocks]
    assert kinds == ["Conv2d", "MaxPool2d", "GELU", "BatchNorm2d", "Conv2d", "GELU", "BatchNorm2d"]
    assert all(module.bias is not None for module in model.blocks if isinstance(module, nn.Conv2d))


def test_dropout_of_the_blocks_stands_at_their_ends_or_around_their_convolutions() -> None:
    model = build(models.part("convnet", width=4, blocks=2, conv_dropout="channel_dropout"), (1, 8, 8), 2, 0)
    kinds = [type(module).__name__ for module in model.blocks]
    assert [number for number, kind in enumerate(kinds) if kind == "ChannelDropout"] == [7, 15]
    wrapped = build(models.part("convnet", width=4, blocks=1, conv_dropout="dropconnect"), (1, 8, 8), 2, 0)
    assert [type(module).__name__ for module in wrapped.blocks].count("DropConnect") == 2
    second = wrapped.blocks[4].wrapped
    torch.testing.assert_close(second(maps := images(2, 4, 5)), maps)  # found by the initializer inside its wrapper


def test_the_last_pooling_is_a_choice() -> None:
    model = build(models.part("convnet", width=4, last_pooling="global_avg"), (1, 16, 16), 2, 0).eval()
    maps = model.blocks(model.activation(model.whiten(images(2, 1, 16))))
    torch.testing.assert_close(model(images(2, 1, 16)), model.head(maps.mean((2, 3))) / 9)


def test_a_channel_that_is_constant_but_for_rounding_stays_small() -> None:
    """Grey images with blank borders have such channels; scaled up to variance 1 their gradients are without bound."""
    model = build("convnet", (1, 28, 28), 10, 0)
    norm = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    rounding = 1e-6 * torch.randn(32, norm.num_features, 3, 3, generator=torch.Generator().manual_seed(0))
    assert norm(1.0 + rounding).abs().max() < 0.01
