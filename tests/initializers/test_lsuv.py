import pytest
import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.initializers import initialize
from trainwell.initializers.lsuv import lsuv
from trainwell.models import build, prepare


def mlp() -> nn.Sequential:
    """Eight layers of tanh behind a first one of relu: no single gain is right."""
    layers: list[nn.Module] = [nn.Linear(20, 50), nn.ReLU()]
    for _ in range(7):
        layers += [nn.Linear(50, 50), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(50, 4))


def convnet() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.ELU(), nn.Conv2d(8, 8, 3, groups=2, bias=False), nn.AvgPool2d(2), nn.ReLU()),
        *(nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Conv2d(8, 16, 2, stride=2), nn.Flatten(), nn.Linear(64, 5)),
    )


NETWORKS = {"mlp": (mlp, (256, 20)), "convnet": (convnet, (64, 3, 12, 12))}


def variances(model: nn.Module, batch: Tensor) -> list[float]:
    """Variance of the output of each linear and convolution layer, in order, in evaluation."""
    seen: list[float] = []
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    handles = [
        layer.register_forward_hook(lambda *call: seen.append(call[2].var(correction=0).item())) for layer in layers
    ]
    with torch.no_grad():
        model.eval()(batch)
    for handle in handles:
        handle.remove()
    return seen


def started(name: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    make, shape = NETWORKS[name]
    model = make()
    initialize(model, "lsuv", seed=seed)
    return model, torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3 + 1


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_gives_unit_variance_and_the_last_keeps_its_weights(name: str) -> None:
    model, batch = started(name)
    *hidden, last = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    before, directions = last.weight.clone(), [layer.weight / layer.weight.norm() for layer in hidden]
    lsuv(model, batch)
    assert variances(model, batch)[:-1] == pytest.approx([1.0] * len(hidden), abs=0.1)
    assert torch.equal(last.weight, before)
    for layer, direction in zip(hidden, directions, strict=True):
        torch.testing.assert_close(layer.weight / layer.weight.norm(), direction)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_as_well_and_closer(name: str) -> None:
    model, batch = started(name)
    lsuv(model, batch, head=True, tolerance=1e-3)
    assert variances(model, batch) == pytest.approx([1.0] * len(variances(model, batch)), abs=1.01e-3)


def test_starts_from_orthogonal_weights() -> None:
    model, _ = started("mlp")
    weight = model[2].weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(50), atol=1e-5, rtol=0)


def test_leaves_modes_buffers_gradients_and_biases() -> None:
    model, batch = started("convnet")
    model.train()
    model[1].eval()
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    lsuv(model, batch)
    assert model.training and model[0].training and not model[1].training
    assert all(torch.equal(value, buffers[name]) for name, value in model.named_buffers())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not any(m.bias.any() for m in (model[0], model[7], model[9]))


def test_one_layer_by_itself_and_one_used_twice() -> None:
    layer = nn.Linear(20, 10)
    batch = torch.randn(100, 20, generator=torch.Generator().manual_seed(0))
    lsuv(layer, batch, tolerance=1e-3)
    assert variances(layer, batch) == pytest.approx([1.0], abs=1e-3)
    shared = nn.Linear(20, 20, bias=False)
    lsuv(nn.Sequential(shared, nn.Tanh(), shared), batch)
    assert shared(batch).var().item() == pytest.approx(1.0, abs=1e-3)


def test_biases_that_differ_take_more_rounds_or_are_refused() -> None:
    layer = nn.Linear(20, 200)
    batch = torch.randn(100, 20, generator=torch.Generator().manual_seed(0))
    nn.init.normal_(layer.bias, 0.0, 0.5, generator=torch.Generator().manual_seed(1))
    with pytest.raises(BadValue, match=r"after 1 rounds\. Biases that differ much"):
        lsuv(layer, batch, tolerance=0.01, max_rounds=1)
    lsuv(layer, batch, tolerance=0.01)
    assert layer(batch).var(correction=0).item() == pytest.approx(1.0, abs=0.0101)
    nn.init.normal_(layer.bias, 0.0, 2.0)
    with pytest.raises(BadValue, match=r"after 10 rounds\. Biases that differ much"):
        lsuv(layer, batch)


def test_what_cannot_be_scaled_is_refused() -> None:
    model, batch = started("mlp")
    with pytest.raises(BadValue, match=r"the layer '0' has a variance of 0.0 over the batch of 8"):
        lsuv(model, torch.zeros(8, 20))
    with pytest.raises(BadValue, match="the batch passes through none"):
        lsuv(nn.Sequential(nn.Flatten(), nn.ReLU()), batch)
    assert not any(m._forward_hooks for m in model.modules())


def test_a_model_of_the_package_starts_with_it() -> None:
    model = build({"name": "mlp", "initializer": "lsuv", "activation": "swish", "widths": (32,) * 6}, (10,), 3, seed=0)
    batch = torch.randn(200, 10, generator=torch.Generator().manual_seed(0))
    assert prepare(model, batch) == [""]
    *hidden, head = variances(model, batch)
    assert hidden == pytest.approx([1.0] * 6, abs=0.1)
    assert head < 0.1
