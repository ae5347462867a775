"""Which module and which function is what, by the names of the families."""

import pytest
import torch
from torch import nn

from trainwell.dropouts import dropouts
from trainwell.probes.flow import trace
from trainwell.probes.kinds import is_leaf, kind_of_function


@pytest.mark.parametrize(
    ("module", "kind", "id"),
    [
        (nn.AlphaDropout(0.1), "dropout", "alpha_dropout"),
        (nn.Dropout2d(0.1), "dropout", "channel_dropout"),
        (dropouts.build("dropout"), "dropout", "dropout"),
        (nn.SiLU(), "activation", "swish"),
        (nn.LeakyReLU(), "activation", "leaky_relu"),
        (nn.LogSoftmax(1), "activation", "log_softmax"),
        (nn.GroupNorm(2, 4), "norm", "group"),
        (nn.InstanceNorm2d(4), "norm", "instance"),
        (nn.AdaptiveAvgPool2d(1), "pool", "adaptiveavgpool2d"),
        (nn.ConvTranspose2d(4, 4, 1), "layer", "conv_transpose2d"),
        (nn.Flatten(), "shape", "flatten"),
        (nn.LocalResponseNorm(2), "other", "localresponsenorm"),
    ],
)
def test_which_module_is_what(module: nn.Module, kind: str, id: str) -> None:
    [op] = trace(module, torch.randn(2, 4, 4, 4)).operations
    assert (op.kind, op.id) == (kind, id)


@pytest.mark.parametrize(
    ("name", "num_computed", "has_weight", "kind", "id"),
    [
        ("linear", 1, True, "layer", "linear"),
        ("conv_transpose2d", 1, True, "layer", "conv_transpose2d"),
        ("matmul", 1, True, "layer", "matmul"),
        ("matmul", 2, False, "product", "matmul"),
        ("silu", 1, False, "activation", "swish"),
        ("feature_alpha_dropout", 1, False, "dropout", "alpha_dropout"),
        ("group_norm", 1, True, "norm", "group"),
        ("local_response_norm", 1, False, "other", "local_response_norm"),
        ("adaptive_avg_pool2d", 1, False, "pool", "adaptive_avg_pool2d"),
        ("iadd", 2, False, "add", "iadd"),
        ("add", 1, True, "scale", "add"),  # a bias of one's own
        ("mul", 2, False, "product", "mul"),
        ("mul", 1, False, "scale", "mul"),
        ("glu", 1, False, "product", "glu"),
        ("cat", 2, False, "join", "cat"),
        ("cumsum", 1, False, "other", "cumsum"),
    ],
)
def test_which_function_is_what(name: str, num_computed: int, has_weight: bool, kind: str, id: str) -> None:
    assert kind_of_function(name, num_computed, has_weight) == (kind, id)


def test_a_leaf_is_a_layer_of_torch_or_a_norm_by_name() -> None:
    class RootNorm(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / x.square().mean(-1, keepdim=True).sqrt()

    class Own(nn.Module):
        pass

    assert is_leaf("a.b", nn.Conv2d(1, 1, 1))
    assert is_leaf("a.b", RootNorm())
    assert not is_leaf("a.b", Own())
    assert not is_leaf("a.b", nn.Sequential(nn.ReLU()))
    assert not is_leaf("a.b", nn.MultiheadAttention(4, 2))  # holds a layer
    assert not is_leaf("a.parametrizations.weight.0", nn.Linear(1, 1))
    [op] = trace(RootNorm(), torch.randn(2, 4)).operations
    assert op.kind == "norm"
