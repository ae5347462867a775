import math

import pytest
import torch

from trainwell.errors import BadValue, UnknownName
from trainwell.initializers import Fans, fans_of, initializers
from trainwell.initializers.auto import choice

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


@pytest.mark.parametrize(
    ("id", "variance"),
    [
        ("he_normal", 2 / 576),
        ("he_uniform", 2 / 576),
        ("xavier_normal", 2 / (576 + 1152)),
        ("xavier_uniform", 2 / (576 + 1152)),
        ("lecun_normal", 1 / 576),
        ("lecun_uniform", 1 / 576),
        ("torch_default", 1 / (3 * 576)),
        ("small_gaussian", 1e-4),
    ],
)
def test_variance(id: str, variance: float) -> None:
    tensor = fill(id)
    assert tensor.var().item() == pytest.approx(variance, rel=0.02)
    assert abs(tensor.mean().item()) < 4 * math.sqrt(variance / tensor.numel())
    if "uniform" in id or id == "torch_default":
        assert tensor.abs().max().item() <= math.sqrt(3 * variance)
    else:
        assert tensor.abs().max().item() > 3 * math.sqrt(variance)


def test_zeros_and_constant() -> None:
    assert not fill("zeros").any()
    assert (fill("constant", value=0.25) == 0.25).all()


def test_small_gaussian_takes_its_spread() -> None:
    assert fill("small_gaussian", std=0.5).std().item() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 2, 3, 3)])
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


def test_auto_takes_what_the_activation_wants() -> None:
    assert {id: choice(id) for id in ("relu", "gelu", "selu", "tanh", "identity")} == {
        "relu": "he_normal",
        "gelu": "he_normal",
        "selu": "lecun_normal",
        "tanh": "xavier_uniform",
        "identity": "xavier_uniform",
    }
    assert torch.equal(fill("auto"), fill("he_normal"))
    assert torch.equal(fill("auto", activation="selu"), fill("lecun_normal"))
    torch.testing.assert_close(fill("auto", activation="tanh"), fill("xavier_uniform", gain=5 / 3))
    with pytest.raises(UnknownName, match="Did you mean 'relu'"):
        fill("auto", activation="relo")
