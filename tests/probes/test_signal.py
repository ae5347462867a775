"""The signal of networks with a planted fault, of their clean twins, and of healthy ones that look faulty."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from trainwell.errors import BadValue
from trainwell.probes.meter import Point, ratio
from trainwell.probes.signal import Signal, Weight, signal


@pytest.fixture
def sample(digits: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return digits[0][:256], digits[1][:256]


def deep(activation: type[nn.Module], std: float | None = None, depth: int = 10, bias: float = 0.0) -> nn.Sequential:
    """Layers of 64; weights of a given deviation, or of He's."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(64, 64), activation()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=std or (2 / 64) ** 0.5)
            nn.init.constant_(layer.bias, bias)
    return model


def point(found: Signal, name: str) -> Point:
    return next(p for p in found.points if p.name == name)


def weight(found: Signal, name: str) -> Weight:
    return next(w for w in found.weights if w.name == name)


def of(model: nn.Module, sample: Any) -> Signal:
    return signal(model, F.cross_entropy, sample)


def test_two_layers_by_arithmetic() -> None:
    model = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[2.0], [-1.0]]))
        model[2].weight.copy_(torch.tensor([[3.0, 5.0]]))
    # x = 1, 3: hidden (2, -1), (6, -3), relu (2, 0), (6, 0), output 6, 18; the loss is their mean, 12.
    found = signal(model, lambda output, _: output.mean(), (torch.tensor([[1.0], [3.0]]), torch.zeros(2)))
    hidden, relu, last = found.points
    assert found.loss == 12
    assert hidden.values.rms == pytest.approx((50 / 4) ** 0.5)
    assert hidden.gain == pytest.approx((50 / 4) ** 0.5 / 5**0.5)
    assert (relu.values.zeros, relu.values.zero_units, relu.values.constant_units) == (0.5, 0.5, 0.5)
    assert relu.slopes is not None
    assert (relu.slopes.flat, relu.slopes.mean, relu.slopes.saturates) == (0.5, 0.5, "below")
    # d loss / d output = 1/2; at the ReLU 1/2 (3, 5), before it 1/2 (3, 0).
    assert last.gradient is not None
    assert relu.gradient is not None
    assert hidden.gradient is not None
    assert last.gradient.rms == 0.5
    assert relu.gradient.rms == pytest.approx((34 / 8) ** 0.5)
    assert hidden.gradient.rms == pytest.approx((9 / 8) ** 0.5)
    assert (hidden.gradient.zeros, hidden.gradient.zero_units) == (0.5, 0.5)
    assert relu.gradient_gain == pytest.approx((9 / 34) ** 0.5)
    assert last.gradient_gain == pytest.approx((34 / 2) ** 0.5)
    assert hidden.gradient_gain is None
    # Gradients of the weights: (1/2) 3 (1 + 3) = 6 and 0; (1/2)(2 + 6) = 4 and 0.
    first, second = found.weights
    assert (first.gradient, first.zeros, first.zero_units) == (6, 0.5, 0.5)
    assert first.pull == pytest.approx(6 * 5**0.5 / 12)
    assert second.gradient == 4
    assert found.pull_ratio == pytest.approx(6 * 5**0.5 / (4 * 34**0.5))
    assert found.gradient_ratio == pytest.approx((9 / 8) ** 0.5 / 0.5)
    assert found.gradient_growth == pytest.approx(found.gradient_ratio)
    assert found.forward_ratio == found.forward_growth == pytest.approx((360 / 2) ** 0.5 / (50 / 4) ** 0.5)
    assert (found.missing, found.zero, found.not_finite, found.idle, found.unseen) == ((), (), (), (), ())


def test_weights_too_small_and_too_large(sample: Any) -> None:
    small, healthy, large = (of(deep(nn.ReLU, std), sample) for std in (0.01, None, 1.0))
    assert small.forward_growth < 0.1 < 0.8 < healthy.forward_growth < 1.2 < 4 < large.forward_growth
    assert small.gradient_growth < 0.1 < 0.7 < healthy.gradient_growth < 1.3 < 4 < large.gradient_growth
    assert small.gradient_ratio < 1e-9 < 1e-2 < healthy.gradient_ratio < 1e2 < 1e6 < large.gradient_ratio
    # Weight times gradient is shared out alike among layers of ReLU, whatever their scale.
    assert 0.1 < small.pull_ratio < 10
    assert point(small, "18").gain < 0.1 < 0.5 < point(healthy, "18").gain


def test_numbers_are_free_of_scale(sample: Any) -> None:
    model = deep(nn.ReLU, depth=3)
    one = of(model, sample)
    other = signal(model, lambda output, y: 1000 * F.cross_entropy(output, y), sample)
    gains = [[p.gradient_gain for p in found.points[1:]] for found in (one, other)]
    assert gains[0] == pytest.approx(gains[1], rel=1e-4)
    assert [w.pull for w in other.weights] == pytest.approx([w.pull for w in one.weights], rel=1e-4)
    assert other.gradient_ratio == pytest.approx(one.gradient_ratio, rel=1e-4)
    assert other.points[0].gradient.rms == pytest.approx(1000 * one.points[0].gradient.rms, rel=1e-4)


def test_vanishing_through_sigmoids(sample: Any) -> None:
    faulty, twin = of(deep(nn.Sigmoid, 0.125), sample), of(deep(nn.Tanh, 0.125), sample)
    assert faulty.gradient_growth < 0.4 < 0.7 < twin.gradient_growth
    assert point(faulty, "19").values.between < 1e-3 < 0.3 < point(twin, "19").values.between
    assert point(faulty, "19").slopes.flat == 0


@pytest.mark.parametrize("kind", [nn.Tanh, nn.Sigmoid])
def test_saturation(kind: type[nn.Module], sample: Any) -> None:
    faulty, twin = (point(of(deep(kind, std, 3), sample), "3").slopes for std in (2.0, 0.1))
    assert faulty is not None
    assert twin is not None
    assert faulty.flat > 0.4 > 0.01 > twin.flat
    assert faulty.mean < 0.4 < 0.7 < twin.mean
    assert faulty.saturates == "both"


def test_where_an_activation_counts_as_flat() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    nn.init.constant_(model[0].weight, 1.0)
    nn.init.zeros_(model[0].bias)
    # s(1 - s) is 0.01 / 4 at |x| = 5.98.
    x = torch.tensor([[-6.1], [-5.9], [0.0], [5.9], [6.1]])
    slopes = point(signal(model, F.mse_loss, (x, torch.zeros(5, 1))), "1").slopes
    assert slopes is not None
    assert slopes.flat == pytest.approx(2 / 5)


def test_dead_units_and_sparse_ones(sample: Any) -> None:
    dead, twin = of(deep(nn.ReLU, 0.05, 2, bias=-9.0), sample), of(deep(nn.ReLU, 0.05, 2), sample)
    assert point(dead, "1").values.zero_units == point(dead, "3").values.constant_units == 1
    assert point(dead, "1").gradient.zero_units == 1
    assert dead.zero == ("0.weight", "0.bias", "2.weight", "2.bias", "4.weight")
    assert (dead.forward_ratio, dead.gradient_ratio) != (None, None)
    assert dead.gradient_ratio == 0
    assert dead.gradient_growth is None
    assert point(twin, "1").values.zero_units == 0
    assert twin.zero == ()
    # Units that are seldom active are not dead.
    sparse = of(deep(nn.ReLU, 0.05, 1, bias=-0.5), sample)
    assert point(sparse, "1").values.zeros > 0.75
    assert point(sparse, "1").values.zero_units < 0.1


def test_functions_are_seen_as_modules_are(sample: Any) -> None:
    class Functional(nn.Module):
        def __init__(self, layers: nn.Sequential) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.layers[0](x), inplace=True)
            return self.layers[4](torch.tanh(self.layers[2](x)) + x)

    layers = nn.Sequential(*deep(nn.ReLU, depth=2))
    found = of(Functional(layers), sample)
    assert [p.name for p in found.points] == ["layers.0", "relu()", "layers.2", "tanh()", "add()", "layers.4"]
    first, relu = found.points[:2]
    # What was changed in place afterwards is measured as it was, forwards and backwards.
    assert first.values.zeros == 0 < 0.3 < relu.values.zeros
    assert first.gradient.zeros == pytest.approx(relu.values.zeros)
    assert relu.gradient.zeros == 0
    assert relu.slopes.flat == pytest.approx(0.5, abs=0.1)
    assert found.points[3].slopes.saturates == "both"
    assert found.points[4].inputs == (3, 1)
    joined = (found.points[3].values.rms ** 2 + relu.values.rms**2) / 2
    assert found.points[4].gain == pytest.approx(found.points[4].values.rms / joined**0.5)


def test_gradients_agree_with_autograd(mlp: nn.Module, sample: Any) -> None:
    found = signal(mlp, F.cross_entropy, sample)
    mlp[3].eval()
    hidden = mlp[:2](sample[0])
    hidden.retain_grad()
    F.cross_entropy(mlp[2:](hidden), sample[1]).backward()
    assert point(found, "1").gradient.rms == pytest.approx(float(hidden.grad.square().mean().sqrt()), rel=1e-5)
    assert weight(found, "0.weight").gradient == pytest.approx(float(mlp[0].weight.grad.norm()), rel=1e-5)


def test_missing_gradients_and_frozen_layers(sample: Any) -> None:
    class Cut(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return self[2](self[1](self[0](x)).detach())

    cut = Cut(*deep(nn.ReLU, depth=1))
    found = of(cut, sample)
    assert found.missing == ("0.weight", "0.bias")
    assert found.points[0].gradient is None
    assert found.gradient_ratio is None
    frozen = deep(nn.ReLU, depth=1)
    frozen[0].requires_grad_(False)
    assert of(frozen, sample).missing == ()
    assert weight(of(frozen, sample), "0.weight").gradient is None
    unused = nn.ModuleDict({"used": nn.Linear(64, 10), "unused": nn.Linear(3, 3)})
    found = signal(unused, F.cross_entropy, sample, forward=lambda m, x: m["used"](x))
    assert found.idle == ("unused",)
    assert found.missing == ("unused.weight", "unused.bias")
    for p in cut.parameters():
        p.requires_grad_(False)
    assert "gradients: the loss has no graph" in of(cut, sample).unseen


def test_what_is_not_finite(sample: Any) -> None:
    class Root(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            hidden = self[0](x)
            return self[1]((hidden * (hidden > 0)).sqrt())  # at 0 the slope of the root is infinite, times 0

    torch.manual_seed(0)
    found = of(Root(nn.Linear(64, 64), nn.Linear(64, 10)), sample)
    assert found.not_finite == ("0.weight", "0.bias")
    assert point(found, "0").gradient.finite < 1
    assert point(found, "0").values.finite == 1
    x = sample[0].clone()
    x[0, 0] = torch.nan
    found = of(deep(nn.ReLU, depth=1), (x, sample[1]))
    assert found.points[0].values.finite == pytest.approx(255 / 256)
    assert found.loss != found.loss


def test_sequences_dicts_shared_modules_and_checkpoints() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(20, 8)
            self.recurrent = nn.LSTM(8, 8, batch_first=True)
            self.shared = nn.Linear(8, 8)
            self.head = nn.Linear(8, 3)

        def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
            h = self.recurrent(self.words(x["words"]))[1][0][0]
            h = checkpoint(lambda h: self.shared(self.shared(h).tanh()), h, use_reentrant=False)
            return {"logits": self.head(h)}

    torch.manual_seed(0)
    batch = {"words": torch.randint(0, 20, (16, 5))}, torch.arange(16) % 3
    found = signal(Mixed(), lambda output, y: F.cross_entropy(output["logits"], y), batch)
    names = [p.name for p in found.points if p.kind in ("layer", "recurrent", "activation")]
    assert names == ["recurrent", "shared", "tanh()", "shared", "head"]
    # Only the last state is read on, and its gradient is what is known of the layer.
    assert point(found, "recurrent").gradient is not None
    assert point(found, "recurrent").values.num_units == 8
    assert found.missing == ()


def test_maps_have_channels_for_units_and_flattening_keeps_the_samples() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3), nn.Softmax(dim=1))
    with torch.no_grad():
        model[0].bias[1] = -100.0
    found = of(model, (torch.randn(10, 1, 8, 8), torch.arange(10) % 3))
    conv, relu, flat, *_, softmax = found.points
    assert (conv.values.num_units, relu.values.num_units, flat.values.num_units) == (4, 4, 256)
    assert relu.values.zero_units == conv.gradient.zero_units == 0.25
    assert softmax.slopes is None
    mixing = nn.Sequential(nn.Unflatten(1, (2, 32)), nn.Flatten(0, 1), nn.Linear(32, 3))
    unseen = signal(mixing, lambda output, _: output.mean(), (torch.randn(10, 64), torch.zeros(10))).unseen
    assert "2: shape (20, 3) has no axis of 10 samples" in unseen


def test_nothing_is_touched_and_the_numbers_stay(mlp: nn.Module, sample: Any, nothing_touched: Any) -> None:
    with nothing_touched(mlp, *sample):
        found = of(mlp, sample)
    assert found == of(mlp, sample)
    assert weight(found, "0.weight").trainable is False
    assert not any(module._forward_hooks for module in mlp.modules())


def test_autocast(sample: Any) -> None:
    def forward(model: nn.Module, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model(x)

    model = deep(nn.ReLU, depth=3)
    half = signal(model, F.cross_entropy, sample, forward=forward)
    assert half.gradient_ratio == pytest.approx(of(model, sample).gradient_ratio, rel=0.05)
    assert not half.unseen


def test_errors_and_ratios(sample: Any) -> None:
    with pytest.raises(BadValue, match="fails on this batch"):
        of(nn.Linear(3, 3), sample)
    assert ratio(1.0, 0.0) is ratio(None, 1.0) is ratio(1.0, None) is None
    assert ratio(1.0, 4.0) == 0.25
