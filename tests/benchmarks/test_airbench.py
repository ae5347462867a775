"""The port of airbench94: schedule, units, whitening, average, and that it learns."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import airbench


def test_rate_rises_to_one_at_23_percent_and_falls_to_7_percent() -> None:
    steps = 476
    assert airbench.rate(0, steps) == pytest.approx(0.2)
    assert airbench.rate(109, steps) == pytest.approx(1.0)  # int(0.23 * 476)
    assert airbench.rate(292, steps) == pytest.approx(1 - 0.93 * 183 / 367)
    assert airbench.rate(steps, steps) == pytest.approx(0.07)


def test_optimizer_has_the_rates_of_the_sum_of_losses() -> None:
    biases, others = airbench.build_optimizer(airbench.build_network()).param_groups
    assert others["lr"] == pytest.approx(11.5 / (1024 * (1 + 1 / 0.15)))
    assert biases["lr"] == pytest.approx(64 * others["lr"])
    # a step shrinks a weight by lr * weight_decay, which is the same for both groups
    assert others["lr"] * others["weight_decay"] == pytest.approx(0.0153 / (1 + 1 / 0.15))
    assert biases["lr"] * biases["weight_decay"] == pytest.approx(others["lr"] * others["weight_decay"])
    assert len(biases["params"]) == 6
    assert len(others["params"]) == 8  # six convolutions, the head, the whitening bias


def test_network_starts_as_identity_filters_on_a_frozen_patch_convolution() -> None:
    network = airbench.build_network(classes=7)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert not network[0].weight.requires_grad
    first = network[2][0].weight.detach()
    assert torch.equal(first[:24, :, 1, 1], torch.eye(24))
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 1_967_616 + 7 * 256 + 1_152 + 24


def test_whitening_gives_patches_of_unit_covariance() -> None:
    torch.manual_seed(0)
    images = torch.randn(400, 3, 12, 12).cumsum(3) / 3
    layer = nn.Conv2d(3, 24, 2, bias=False)
    airbench.fit_whitening(layer, images)
    out = functional.conv2d(images, layer.weight[:12]).permute(0, 2, 3, 1).reshape(-1, 12)
    covariance = out.T @ out / len(out)
    assert torch.allclose(covariance, torch.eye(12), atol=0.03)
    assert torch.equal(layer.weight[12:], -layer.weight[:12])


def test_lookahead_moves_both_copies() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    lookahead = airbench.Lookahead(network)
    with torch.no_grad():
        network.weight.fill_(3.0)
    lookahead.update(0.75)
    assert network.weight.item() == pytest.approx(1.5)  # 0.75 * 1 + 0.25 * 3
    with torch.no_grad():
        network.weight.fill_(2.5)
    lookahead.update(1.0)
    assert network.weight.item() == pytest.approx(1.5)


def test_six_views_weigh_the_image_by_half_and_each_shift_by_a_quarter() -> None:
    class Corner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :1, 5, 5]

    images = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    from_image = airbench.normalise(images)[:, 0]

    def at(row: int, column: int) -> torch.Tensor:
        return (from_image[:, row, column] + from_image[:, row, 31 - column]) / 2

    def mirrored_shift(step: int) -> torch.Tensor:
        row = 5 + step
        return (from_image[:, row, 5 + step] + from_image[:, row, 26 + step]) / 2

    expected = at(5, 5) / 2 + mirrored_shift(-1) / 4 + mirrored_shift(1) / 4
    assert torch.allclose(airbench.scores(Corner(), images).squeeze(1), expected, atol=1e-5)
    assert torch.allclose(airbench.scores(Corner(), images, views=1).squeeze(1), from_image[:, 5, 5])


def test_training_learns_and_reports_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airbench, "BATCH", 32)
    torch.manual_seed(0)
    labels = torch.arange(128) % 2
    noise = torch.randint(0, 120, (128, 32, 32, 3))
    images = (noise + 100 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
    seen: list[float] = []
    network, seconds = airbench.train(
        images, labels, epochs=5.5, seed=1, on_epoch=lambda epoch, _network, _seconds: seen.append(epoch)
    )
    assert seen == [1.0, 2.0, 3.0, 4.0, 5.0, 5.5]
    assert seconds > 0
    assert airbench.accuracy(network, images, labels) > 0.9
