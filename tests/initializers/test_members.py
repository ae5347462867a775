import math
from collections.abc import Callable

import pytest
import torch

from trainwell.activations import activations, width_factor
from trainwell.errors import BadValue, UnknownName
from trainwell.initializers import Fans, choice, fans_of, initializers

SHAPE = (128, 64, 3, 3)  # fan_in 576, fan_out 1152


def fill(id: str, shape: tuple[int, ...] = SHAPE, **args: object) -> torch.Tensor:
    tensor = torch.empty(shape)
    initializers[id](tensor, fans_of(tensor), torch.Generator().manual_seed(1), **args)
    return tensor


def test_fans_of_linear_convolution_and_groups() -> None:
    assert fans_of(torch.empty(5, 7)) == Fans(7, 5)
    assert fans_of(torch.empty(*SHAPE)) == Fans(576, 1152)
    assert fans_of(torch.empty(8, 2, 3, 3), groups=4) == Fans(18, 18)
    assert Fans(18, 6).average == 12
    with pytest.raises(BadValue, match=r"at least two dimensions, got shape \(4,\)"):
        fans_of(torch.empty(4))


# A linear layer and a convolution of 8 groups, a million draws each: (shape, groups, fan_in, fan_out by hand).
LINEAR = ((1000, 1200), 1, 1200, 1000)
GROUPED = ((1024, 128, 3, 3), 8, 128 * 9, 1024 // 8 * 9)
UNEQUAL = ((1536, 96, 3, 3), 4, 96 * 9, 1536 // 4 * 9)

VARIANCE = {
    "he_normal": lambda fan_in, _: 2 / fan_in,
    "he_uniform": lambda fan_in, _: 2 / fan_in,
    "xavier_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "xavier_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "lecun_normal": lambda fan_in, _: 1 / fan_in,
    "lecun_uniform": lambda fan_in, _: 1 / fan_in,
    "torch_default": lambda fan_in, _: 1 / (3 * fan_in),
    "small_gaussian": lambda *_: 1e-4,
    "large_gaussian": lambda *_: 1.0,
    "auto": lambda fan_in, _: 2 / fan_in,  # ReLU, when nothing is said
}
UNIFORM = ("he_uniform", "xavier_uniform", "lecun_uniform", "torch_default")


@pytest.mark.parametrize("layer", [LINEAR, GROUPED, UNEQUAL], ids=["linear", "grouped", "unequal"])
@pytest.mark.parametrize("id", VARIANCE)
def test_variance_and_bounds_over_a_million_draws(id: str, layer: tuple[tuple[int, ...], int, int, int]) -> None:
    shape, groups, fan_in, fan_out = layer
    tensor = torch.empty(shape)
    initializers[id](tensor, fans_of(tensor, groups), torch.Generator().manual_seed(1))
    count, variance = tensor.numel(), VARIANCE[id](fan_in, fan_out)
    assert count > 1_000_000
    # Tolerances are four standard errors: of the mean, of the variance (at most that of a normal), of the kurtosis.
    assert abs(tensor.mean().item()) < 4 * math.sqrt(variance / count)
    assert tensor.var().item() == pytest.approx(variance, rel=4 * math.sqrt(2 / count))
    kurtosis = (tensor.double() ** 4).mean().item() / variance**2
    if id in UNIFORM:
        bound = math.sqrt(3 * variance)
        assert 0.9999 * bound < tensor.abs().max().item() <= bound * (1 + 1e-6)
        assert kurtosis == pytest.approx(9 / 5, abs=0.02)
    else:
        assert 4.4 < tensor.abs().max().item() / math.sqrt(variance) < 6.5  # expected: about 5
        assert kurtosis == pytest.approx(3.0, abs=4 * math.sqrt(96 / count))


@pytest.mark.parametrize(
    ("id", "reference"),
    [
        ("he_normal", lambda w, g: torch.nn.init.kaiming_normal_(w, generator=g)),
        ("he_uniform", lambda w, g: torch.nn.init.kaiming_uniform_(w, generator=g)),
        ("xavier_normal", lambda w, g: torch.nn.init.xavier_normal_(w, generator=g)),
        ("xavier_uniform", lambda w, g: torch.nn.init.xavier_uniform_(w, generator=g)),
        ("orthogonal", lambda w, g: torch.nn.init.orthogonal_(w, generator=g)),
        ("torch_default", lambda w, g: torch.nn.init.kaiming_uniform_(w, a=math.sqrt(5), generator=g)),
    ],
)
def test_same_draws_as_torch(id: str, reference: Callable[[torch.Tensor, torch.Generator], torch.Tensor]) -> None:
    expected = reference(torch.empty(SHAPE), torch.Generator().manual_seed(1))
    torch.testing.assert_close(fill(id), expected, rtol=1e-5, atol=1e-8)


def test_zeros_and_constant() -> None:
    assert not fill("zeros").any()
    assert (fill("constant", value=0.25) == 0.25).all()


def test_gaussians_take_their_spread_and_0_is_zeros() -> None:
    assert torch.equal(fill("small_gaussian", std=0.5), fill("large_gaussian", std=0.5))
    assert fill("large_gaussian", std=0.5).std().item() == pytest.approx(0.5, rel=0.02)
    assert not fill("large_gaussian", std=0.0).any()
    with pytest.raises(BadValue, match=r"large_gaussian.std=-1.0 is not possible: expected a value in \[0, inf\)"):
        fill("large_gaussian", std=-1.0)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 2, 3, 3), (300, 300)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    flat = fill("orthogonal", shape, gain=2.0).flatten(1)
    smaller = flat @ flat.T if len(flat) <= flat.shape[1] else flat.T @ flat
    torch.testing.assert_close(smaller, 4 * torch.eye(len(smaller)), atol=1e-5, rtol=0)


def test_dirac_passes_its_input_on_and_draws_the_rest() -> None:
    weight = fill("dirac", (5, 3, 3, 3))
    images = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    out = torch.nn.functional.conv2d(images, weight, padding=1)
    torch.testing.assert_close(out[:, :3], images)
    rest = fill("torch_default", (5, 3, 3, 3))[3:]
    assert torch.equal(weight[3:], rest)


GLOROT = {"identity", "tanh", "softmax", "sigmoid"}


def test_auto_names_the_choice_for_every_activation() -> None:
    for activation in activations.names:
        lecun_or_he = "lecun_normal" if activation == "selu" else "he_normal"
        assert choice(activation) == ("xavier_uniform" if activation in GLOROT else lecun_or_he)


def test_auto_fills_as_the_activation_wants() -> None:
    assert torch.equal(fill("auto"), fill("he_normal"))
    assert torch.equal(fill("auto", activation="selu"), fill("lecun_normal"))
    torch.testing.assert_close(fill("auto", activation="tanh"), fill("xavier_uniform", gain=5 / 3))
    torch.testing.assert_close(fill("auto", activation="sigmoid"), fill("xavier_uniform", gain=4.0))
    leaky = {"name": "leaky_relu", "slope": 0.5}
    torch.testing.assert_close(fill("auto", activation=leaky), fill("lecun_normal", gain=math.sqrt(2 / 1.25)))
    with pytest.raises(UnknownName, match="Did you mean 'relu'"):
        fill("auto", activation="relo")


@pytest.mark.parametrize("id", activations.names)
def test_auto_keeps_the_second_moment_of_a_layer(id: str) -> None:
    """Standard normal pre-activations stay so: var(w f(z)) = 1 where the gain is that of the second moment."""
    rule = activations[id].facts.get("gain_rule", "second_moment")
    module, factor = activations[id](), width_factor(id)
    signal = module(torch.randn(1000, 1000 * factor, generator=torch.Generator().manual_seed(0)))
    weights = torch.empty(4, 1000, 1000)
    for seed, weight in enumerate(weights, start=1):  # 0 would draw the signal itself
        initializers["auto"](weight, fans_of(weight), torch.Generator().manual_seed(seed), activation=id)
    variance = (signal @ weights.flatten(0, 1).T).var().item()
    expected = {"second_moment": 1.0, "slope": 16 * 0.29338, "convention": (5 / 3) ** 2 * 0.39429}[rule]
    if id == "softmax":  # shares of 1/1000 each
        assert variance < 1e-2
    else:  # the mean of the signal meets 4000 rows of weights: a standard error of up to sqrt(2 / 4000) = 2 %
        assert variance == pytest.approx(expected, rel=0.08)
