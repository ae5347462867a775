"""Every technique in every model: it builds, runs forward and backward, and is really at work there."""

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.activations import activations, width_factor
from trainwell.dropouts import dropouts
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.initializers import initializers
from trainwell.models import build, models, prepare
from trainwell.norms import norms
from trainwell.poolings import poolings, shrinks

SIZES: dict[str, Any] = {"width": 8, "widths": (8, 8), "hidden": (8,), "stages": (1, 1), "blocks": 2}
WIDE = {"width": 32, "widths": (32, 32)}  # what the 32 groups of group norm divide
SAME = {"resnet34"}  # resnet18 with more of the same blocks
MODELS = [
    model.id
    for model in models
    if model.id not in SAME and not any(p.default is inspect.Parameter.empty for p in model.hyper.values())
]
IMAGE_MODELS = [id for id in MODELS if id != "mlp"]
SHAPE = (3, 8, 8)


def made(id: str, wide: bool = False, **args: Any) -> Part:
    """The model, small, with these arguments."""
    sizes = SIZES | (WIDE if wide else {}) | ({"blocks": (1, 1)} if id == "convnext" else {})
    return models.part(id, **({name: value for name, value in sizes.items() if name in models[id].hyper} | args))


def ran(
    id: str, shape: tuple[int, ...] = SHAPE, count: int = 4, wide: bool = False, **args: Any
) -> tuple[nn.Module, Tensor]:
    """The model after one forward and backward pass of a small batch, and its outputs."""
    model = build(made(id, wide, **args), shape, 3, 0)
    images = torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))
    prepare(model, images)
    torch.manual_seed(0)
    outputs = model(images)
    assert outputs.shape == (count, 3)
    assert torch.isfinite(outputs).all()
    outputs.square().sum().backward()
    learnt = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in learnt)
    return model, outputs


@pytest.mark.parametrize("activation", activations.names)
@pytest.mark.parametrize("id", MODELS)
def test_every_activation(id: str, activation: str) -> None:
    if id.startswith("resnet") and width_factor(activation) != 1:
        with pytest.raises(BadValue, match=rf"{id} adds what the activation gives to what it took, and {activation}"):
            build(made(id, activation=activation), SHAPE, 3, 0)
        return
    model, _ = ran(id, activation=activation, count=2)
    kind = type(activations.build(activation))
    assert any(isinstance(module, kind) for module in model.modules())


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("norm", norms.names)
@pytest.mark.parametrize("id", MODELS)
def test_every_norm_before_and_after_the_activation(id: str, norm: str, place: str) -> None:
    args: dict[str, Any] = {"norm": norm, "norm_place": place, "wide": True}
    if id == "convnext":
        if place == "after":
            return  # its norms stand where they stand
        del args["norm_place"]
    if place == "after" and norm == "none":
        with pytest.raises(BadValue, match="norm_place=after has no effect with norm=none"):
            build(made(id, **args), SHAPE, 3, 0)
        return
    if id == "mlp" and norms[norm].facts.get("needs_positions"):
        with pytest.raises(BadValue, match=norm):
            build(made(id, **args), SHAPE, 3, 0)
        return
    model, outputs = ran(id, **args)
    assert norm == "none" or any(
        isinstance(m, type(norms.build(norm, 32, 0 if id == "mlp" else 2))) for m in model.modules()
    )
    assert outputs.std(0).min() > 0  # something of the signal is left behind the last norm


@pytest.mark.parametrize("dropout", dropouts.names)
@pytest.mark.parametrize("field", ["dropout", "conv_dropout"])
@pytest.mark.parametrize("id", MODELS)
def test_every_dropout(id: str, field: str, dropout: str) -> None:
    if field not in models[id].hyper:
        return
    if dropouts[dropout].facts.get("wraps") == "branch":
        with pytest.raises(BadValue, match=f"{dropout} drops residual branches, and there is none in this place"):
            build(made(id, **{field: dropout}), SHAPE, 3, 0)
        return
    start = {"scale": 1.0} if id == "convnext" else {}
    start |= {"zero_init_residual": False} if id.startswith("resnet") else {}
    model, _ = ran(id, **{field: dropout}, **start)
    images = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0))
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)):
        norm.eval()
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


@pytest.mark.parametrize("pooling", poolings.names)
@pytest.mark.parametrize("id", IMAGE_MODELS)
def test_every_pooling(id: str, pooling: str) -> None:
    field = "last_pooling" if poolings[pooling].facts.get("overall") else "pooling"
    if field not in models[id].hyper:
        return
    model, _ = ran(id, (3, 12, 12), **{field: pooling})
    shown = repr(poolings.build(pooling, 32, 2))
    assert shown in {repr(module) for module in model.modules()}


@pytest.mark.parametrize("initializer", initializers.names)
@pytest.mark.parametrize("id", ["mlp", "convnet", "lenet"])
def test_every_initializer(id: str, initializer: str) -> None:
    facts = initializers[initializer].facts
    if facts.get("data_dependent") and facts.get("before") is None:
        with pytest.raises(BadValue, match="sets a single layer from data"):
            build(made(id, initializer=initializer), SHAPE, 3, 0)
        return
    ran(id, initializer=initializer)


@pytest.mark.parametrize("pooling", ["max", "avg", "fractional_max"])
def test_the_side_behind_a_pooling_is_what_it_gives(pooling: str) -> None:
    model = build(made("vgg", stages=(1, 1, 1), pooling=pooling), (3, 19, 13), 3, 0)
    height, width = 19, 13
    for _ in range(3):
        height, width = int(height / shrinks(pooling)), int(width / shrinks(pooling))
    assert model.features(torch.zeros(1, 3, 19, 13)).shape[2:] == (height, width)
    assert model.hidden[0].in_features == model.features(torch.zeros(1, 3, 19, 13)).numel()


@pytest.mark.parametrize("id", IMAGE_MODELS)
def test_a_norm_that_goes_by_positions_always_has_some(id: str) -> None:
    """At 4 px every model would shrink the map to one position: it stops before, and refuses what starts there."""
    _, outputs = ran(id, (3, 4, 4), norm="instance")
    assert outputs.std(0).min() > 0
    with pytest.raises(BadValue, match="instance has nothing to go by on a map of one position"):
        build(made(id, norm="instance"), (3, 2, 2) if id == "convnet" else (3, 1, 1), 3, 0)


@pytest.mark.parametrize("id", [id for id in IMAGE_MODELS if "pooling" in models[id].hyper])
def test_poolings_in_the_wrong_place_are_refused(id: str) -> None:
    with pytest.raises(BadValue, match=rf"{id} pools windows .* name it as last_pooling"):
        build(made(id, pooling="global_avg"), SHAPE, 3, 0)
    with pytest.raises(BadValue, match=rf"{id}.last_pooling=max leaves a map.*Take one of: global_avg, global_max"):
        build(made(id, last_pooling="max"), SHAPE, 3, 0)


@pytest.mark.parametrize("id", MODELS)
def test_no_layer_has_a_bias_that_the_norm_behind_it_takes_out(id: str) -> None:
    model = build(made(id, norm="batch"), SHAPE, 3, 0)
    norms_seen = []
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.register_forward_hook(lambda _, inputs, __: norms_seen.append(inputs[0]))
    made_by: list[tuple[nn.Module, Tensor]] = []
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.register_forward_hook(lambda m, _, output: made_by.append((m, output)))
    model(torch.randn(4, *SHAPE))
    direct = [layer for layer, output in made_by if any(output is seen for seen in norms_seen)]
    assert direct
    assert all(layer.bias is None for layer in direct)
