import math

import pytest
import torch
from torch import nn

from trainwell import draws
from trainwell.errors import BadValue
from trainwell.initializers import Fans, initialize, initializers


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=True), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))


def test_same_seed_same_bits_whatever_was_there_and_other_seed_other_bits() -> None:
    first, again, other = network(), network(), network()
    before = torch.get_rng_state()
    initialize(first, "he_normal", seed=5)
    initialize(again, "he_normal", seed=5)
    initialize(other, "he_normal", seed=6)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_the_draw_of_a_weight_hangs_on_its_name() -> None:
    model = network()
    initialize(model, "he_normal", seed=5)
    expected = torch.empty(2, 16)
    generator = torch.Generator().manual_seed(draws.key(5, "initializer", "3.weight"))
    initializers["he_normal"](expected, Fans(16, 2), generator)
    assert torch.equal(model[3].weight, expected)


def test_biases_are_0_and_scales_1() -> None:
    model = network()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 3.0)
    initialize(model, "xavier_normal", seed=0)
    assert not any(model[i].bias.any() for i in (0, 1, 3))
    assert (model[1].weight == 1).all()


def ratio(initializer: object, activation: object, to: str = "lecun_normal") -> float:
    """Spread of the convolution's weights over what `to` gives without a gain, of the same draws."""
    ours, plain = network(), network()
    initialize(ours, initializer, seed=0, activation=activation, head=ours[3])
    initialize(plain, to, seed=0)
    return (ours[0].weight / plain[0].weight).mean().item()


def test_a_rule_takes_the_gain_of_the_activations_it_is_made_for() -> None:
    assert ratio("lecun_normal", "tanh") == pytest.approx(5 / 3)
    assert ratio("xavier_normal", "sigmoid", to="xavier_normal") == pytest.approx(4.0)
    assert ratio("xavier_normal", "relu", to="xavier_normal") == pytest.approx(1.0)
    assert ratio("he_normal", "relu") == pytest.approx(math.sqrt(2.0))
    assert ratio("he_normal", {"name": "leaky_relu", "slope": 0.5}) == pytest.approx(math.sqrt(2 / 1.25), rel=1e-6)
    assert ratio("he_normal", "gelu") == pytest.approx(1.533530, rel=1e-5)
    assert ratio("he_normal", "maxout") == pytest.approx(1.0)
    assert ratio("he_normal", "tanh") == pytest.approx(math.sqrt(2.0))
    assert ratio("he_normal", "torch.nn:Mish") == pytest.approx(math.sqrt(2.0))
    assert ratio("orthogonal", "relu", to="orthogonal") == pytest.approx(math.sqrt(2.0))
    assert ratio("orthogonal", "tanh", to="orthogonal") == pytest.approx(5 / 3)
    assert ratio("small_gaussian", "sigmoid", to="small_gaussian") == pytest.approx(1.0)


def test_a_gain_of_ones_own_comes_on_top() -> None:
    assert ratio({"name": "xavier_normal", "gain": 0.5}, "tanh", to="xavier_normal") == pytest.approx(5 / 6)
    assert ratio({"name": "auto", "gain": 0.5}, "relu") == pytest.approx(math.sqrt(0.5))


def test_the_head_takes_no_gain_and_is_scaled() -> None:
    plain, tanh = network(), network()
    initialize(plain, "lecun_normal", seed=0)
    initialize(tanh, "lecun_normal", seed=0, activation="tanh", head=tanh[3], head_scale=0.1)
    torch.testing.assert_close(tanh[3].weight, plain[3].weight * 0.1)


def test_defaults_written_out_change_nothing() -> None:
    short, full = network(), network()
    initialize(short, "auto", seed=0, activation="tanh")
    initialize(full, initializers.resolve("auto"), seed=0, activation="tanh")
    assert torch.equal(short[0].weight, full[0].weight)


def test_auto_goes_by_the_slope_of_the_activation() -> None:
    leaky = {"name": "leaky_relu", "slope": 0.5}
    assert ratio("auto", leaky) == pytest.approx(math.sqrt(2 / 1.25), rel=1e-6)
    assert ratio({"name": "auto", "activation": leaky}, "tanh") == pytest.approx(math.sqrt(2 / 1.25), rel=1e-6)


def test_weights_of_another_type_get_the_rounded_draw() -> None:
    plain, half = network(), network().bfloat16()
    initialize(plain, "he_normal", seed=0)
    initialize(half, "he_normal", seed=0)
    assert torch.equal(half[0].weight, plain[0].weight.bfloat16())


def test_an_initializer_of_one_layer_is_refused() -> None:
    with pytest.raises(BadValue, match=r"'whitening' sets a single layer from data.*Choose one of: auto"):
        initialize(network(), "whitening", seed=0)
