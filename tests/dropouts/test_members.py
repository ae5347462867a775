import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from trainwell.draws import StepDraws
from trainwell.dropouts import attach, dropouts
from trainwell.errors import BadValue
from trainwell.parameters import weights_of

MAPS = torch.randn(16, 8, 5, 5, generator=torch.Generator().manual_seed(0))


def test_what_is_kept_is_divided_by_1_minus_p() -> None:
    module = dropouts["dropout"](p=0.75)
    attach(module, StepDraws(seed=0))
    out = module(torch.full((100, 100), 3.0))
    assert out.unique().tolist() == [0.0, 12.0]
    assert (out > 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_the_factor_is_not_rounded_in_bf16() -> None:
    module = dropouts["dropout"](p=0.1)
    kept = module(torch.full((100,), 9.0, dtype=torch.bfloat16)).max().item()
    assert kept == 10.0  # 9 x bf16(1 / 0.9) would give 10 only by luck of rounding: 9 x 1.109 = 9.98


def test_gradient_flows_through_what_is_kept_only() -> None:
    module = dropouts["dropout"]()
    attach(module, StepDraws(seed=0))
    values = torch.ones(50, requires_grad=True)
    out = module(values)
    out.sum().backward()
    assert torch.equal(values.grad, out.detach())


def test_the_plain_form_scales_at_test_time() -> None:
    module = dropouts["dropout"](p=0.75, scaling="evaluation")
    attach(module, StepDraws(seed=0))
    values = torch.full((100, 100), 3.0)
    out = module(values)
    assert out.unique().tolist() == [0.0, 3.0]
    assert torch.equal(module.eval()(values), values * 0.25)
    assert out.mean().item() == pytest.approx(0.75, abs=0.05)
    inverted = dropouts["dropout"](p=0.75)
    attach(inverted, StepDraws(seed=0))
    assert torch.equal(inverted(values), out * 4)
    assert torch.equal(dropouts["dropout"](p=0.0, scaling="evaluation").eval()(values), values)
    with pytest.raises(BadValue, match=r"dropout\.scaling='test' is not possible: expected one of 'training', 'eval"):
        dropouts["dropout"](scaling="test")


@pytest.mark.parametrize("p", [0.05, 0.5])
def test_alpha_dropout_equals_torch(p: float) -> None:
    torch.manual_seed(0)
    expected = functional.alpha_dropout(MAPS, p, training=True)
    torch.manual_seed(0)
    torch.testing.assert_close(dropouts["alpha_dropout"](p=p)(MAPS), expected, atol=1e-6, rtol=1e-5)


def test_alpha_dropout_drops_to_the_limit_of_selu() -> None:
    module = dropouts["alpha_dropout"](p=0.5)
    attach(module, StepDraws(seed=0))
    limit = nn.functional.selu(torch.tensor(-100.0)).item()
    factor = (0.5 * (1 + 0.5 * limit**2)) ** -0.5
    expected = [factor * limit - factor * 0.5 * limit, factor * 1.0 - factor * 0.5 * limit]
    assert module(torch.ones(100)).unique().tolist() == pytest.approx(expected, rel=1e-6)


def test_alpha_dropout_keeps_a_deep_selu_stack_normal_and_plain_dropout_does_not() -> None:
    spread = {}
    for name in ("alpha_dropout", "dropout"):
        module = dropouts[name](p=0.1)
        attach(module, StepDraws(seed=0))
        generator = torch.Generator().manual_seed(1)
        values = torch.randn(1000, 256, generator=generator)
        for _ in range(10):
            weights = torch.randn(256, 256, generator=generator) / 16
            values = module(functional.selu(values @ weights))
        spread[name] = (values.mean().item(), values.var().item())
    assert spread["alpha_dropout"] == pytest.approx((0.0, 1.0), abs=0.1)
    assert spread["dropout"][1] > 1.2


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_channel_dropout_equals_torch(dimensions: int) -> None:
    reference = (functional.dropout1d, functional.dropout2d, functional.dropout3d)[dimensions - 1]
    maps = torch.randn((16, 8) + (3,) * dimensions, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    expected = reference(maps, 0.3, training=True)
    torch.manual_seed(0)
    torch.testing.assert_close(dropouts["channel_dropout"](p=0.3)(maps), expected, atol=1e-6, rtol=0)


def test_channel_dropout_drops_whole_channels_of_a_sample() -> None:
    module = dropouts["channel_dropout"](p=0.75)
    attach(module, StepDraws(seed=0))
    out = module(torch.ones(100, 30, 2, 2))
    assert torch.equal(out, out[:, :, :1, :1].expand_as(out))
    assert out.unique().tolist() == [0.0, 4.0]
    assert (out[:, :, 0, 0] > 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert not torch.equal(out[0], out[1]) and not torch.equal(out[:, 0], out[:, 1])


def test_channel_dropout_of_rows_is_plain_dropout() -> None:
    rows = torch.ones(50, 40)
    outs = []
    for name in ("channel_dropout", "dropout"):
        module = dropouts[name]()
        attach(module, StepDraws(seed=0))
        outs.append(module(rows))
    assert torch.equal(*outs)


LAYERS = [
    pytest.param(nn.Linear(8, 6), MAPS[:, :, 0, 0], id="linear"),
    pytest.param(nn.Conv1d(8, 6, 3, padding=1, padding_mode="circular"), MAPS[:, :, 0], id="conv1d"),
    pytest.param(nn.Conv2d(8, 6, 3, stride=2, groups=2, bias=False), MAPS, id="conv2d"),
    pytest.param(nn.Conv3d(8, 6, 2), MAPS.reshape(2, 8, 5, 5, 8), id="conv3d"),
]


@pytest.mark.parametrize(("layer", "inputs"), LAYERS)
def test_dropconnect_is_the_layer_with_masked_weights(layer: nn.Module, inputs: torch.Tensor) -> None:
    module = dropouts["dropconnect"](copy.deepcopy(layer), p=0.25)
    draws = StepDraws(seed=5)
    attach(module, draws)
    draws.step = 7
    mask = torch.empty_like(layer.weight).bernoulli_(0.75, generator=draws.generator(0, torch.device("cpu")))
    by_hand = copy.deepcopy(layer)
    with torch.no_grad():
        by_hand.weight.mul_(mask / 0.75)
    torch.testing.assert_close(module(inputs), by_hand(inputs), atol=1e-5, rtol=1e-5)
    module(inputs).sum().backward()
    assert torch.equal(module.wrapped.weight.grad == 0, mask == 0)
    assert torch.equal(module.eval()(inputs), layer(inputs))


def test_dropconnect_leaves_the_layer_within_reach() -> None:
    layer = nn.Linear(4, 3)
    model = nn.Sequential(dropouts["dropconnect"](layer), nn.ReLU())
    assert list(model.state_dict()) == ["0.wrapped.weight", "0.wrapped.bias"]
    assert weights_of(model) == [layer.weight]
    before = layer.weight.detach().clone()
    model(torch.ones(2, 4))
    assert isinstance(layer.weight, nn.Parameter) and torch.equal(layer.weight, before)


def test_dropconnect_under_autocast_and_channels_last() -> None:
    module = dropouts["dropconnect"](nn.Conv2d(8, 6, 3), p=0.5).to(memory_format=torch.channels_last)
    attach(module, StepDraws(seed=0))
    turned = MAPS.to(memory_format=torch.channels_last)
    plain = module(turned)
    assert plain.is_contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = module(turned)
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed.float(), plain, atol=0.05, rtol=0.02)
    mixed.float().sum().backward()
    assert module.wrapped.weight.grad.dtype == torch.float32 and module.wrapped.weight.grad.any()


def test_dropconnect_of_what_has_no_weights_is_refused() -> None:
    with pytest.raises(BadValue, match="of a linear layer or a convolution, got ReLU"):
        dropouts["dropconnect"](nn.ReLU())


def test_stochastic_depth_drops_whole_samples() -> None:
    module = dropouts["stochastic_depth"](nn.Identity(), p=0.5)
    attach(module, StepDraws(seed=0))
    out = module(torch.ones(1000, 3, 2, 2))
    assert torch.equal(out, out[:, :1, :1, :1].expand_as(out))
    assert out.unique().tolist() == [0.0, 2.0]
    assert (out[:, 0, 0, 0] > 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_layers_are_numbered_in_order_and_survive_a_copy() -> None:
    model = nn.Sequential(dropouts["dropout"](), nn.ReLU(), nn.Sequential(dropouts["dropout"]()))
    draws = StepDraws(seed=0)
    assert attach(model, draws) == 2
    assert [model[0].layer, model[2][0].layer] == [0, 1]
    values = torch.ones(4, 100)
    assert torch.equal(copy.deepcopy(model)(values), model(values))


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout", "channel_dropout"])
def test_dropping_all_is_refused(name: str) -> None:
    with pytest.raises(BadValue, match=rf"{name}.p=1 is not possible: expected a value in \[0, 1\)"):
        dropouts[name](p=1)
