"""K networks of one shape as one function."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from trainwell.activations.gelu_sigmoid import SigmoidGELU
from trainwell.activations.maxout import Maxout
from trainwell.dropouts import Masking
from trainwell.dropouts.channel_dropout import ChannelDropout
from trainwell.dropouts.dropout import Dropout, PlainDropout
from trainwell.errors import BadValue
from trainwell.models.convnet import Convnet
from trainwell.models.mlp import WideAndDeep
from trainwell.models.stack import Stack
from trainwell.poolings import Overall
from trainwell.search.population.layers import (
    Layer,
    Pass,
    Signal,
    batch_norm,
    convolution,
    dense,
    dropout,
    flatten,
    group_norm,
    layer_norm,
    own,
    prelu,
    scale,
    stateless,
)
from trainwell.training.setup import Setup, input_shape

_BY_ELEMENT = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.Identity,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
    Maxout,
    SigmoidGELU,
)
_BY_CHANNEL = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.AvgPool2d, nn.MaxPool2d, Overall)
_DROPOUTS = (ChannelDropout, Dropout, PlainDropout)


class Network:
    """The forward pass of K networks of one shape.

    Args:
        models: The networks; their weights are not read here.
        sample_dims: Dimensions of a sample: 1 for rows, 3 for images.

    Raises:
        BadValue: A layer has no stacked form, or the networks are not of one shape.
    """

    def __init__(self, models: Sequence[nn.Module], sample_dims: int) -> None:
        drawing = [module for module in models[0].modules() if hasattr(module, "draws") and hasattr(module, "layer")]
        self._numbers = {id(module): number for number, module in enumerate(drawing)}
        self._maps = sample_dims == 3
        for model in models:
            _refuse_hooks(model)
        if sample_dims not in (1, 3):
            raise BadValue(f"the samples have {sample_dims} dimensions, and only rows and images are trained together")
        self._layers = self._chain("", models)
        if self._maps:
            raise BadValue("the network gives maps, expected one row a sample")

    def __call__(self, signal: Signal, now: Pass) -> Tensor:
        """Inputs -> outputs of all members, (K, C, B)."""
        for layer in self._layers:
            signal = layer(signal, now)
        return own(signal)

    def _chain(self, name: str, models: Sequence[nn.Module]) -> list[Layer]:
        """The layers behind each other, of modules in the same place of all models."""
        columns = zip(*(list(_unrolled(name, model)) for model in models), strict=False)
        lengths = {len(list(_unrolled(name, model))) for model in models}
        if len(lengths) > 1:
            raise BadValue("the networks are not of one shape: they have different numbers of layers")
        return [self._layer(column[0][0], [module for _, module in column]) for column in columns]

    def _layer(self, name: str, modules: Sequence[Any]) -> Layer:
        """The stacked form of the modules in one place."""
        first = modules[0]
        kind = type(first)
        if any(type(module) is not kind or _facts(module) != _facts(first) for module in modules):
            odd = next(m for m in modules if type(m) is not kind or _facts(m) != _facts(first))
            where = name or "the model"
            raise BadValue(
                f"the networks are not of one shape: {where} is {_shown(first)} in one and {_shown(odd)} in another"
            )
        if kind is WideAndDeep:
            return self._wide_and_deep(name, modules)
        if kind is Convnet:
            return scale([module.output_scale for module in modules])
        if kind is nn.Flatten and first.start_dim == 1 and first.end_dim == -1:
            self._maps = False
            return flatten
        if kind is nn.Linear and not self._maps:
            return dense(name)
        if kind is nn.Conv2d and self._maps and first.groups == 1 and first.padding_mode == "zeros":
            return convolution(name, first)
        if kind is (nn.BatchNorm2d if self._maps else nn.BatchNorm1d) and first.track_running_stats and first.affine:
            return batch_norm(name, first)
        if kind is nn.LayerNorm and not self._maps and len(first.normalized_shape) == 1 and first.bias is not None:
            return layer_norm(name, first)
        if kind is nn.GroupNorm and self._maps and first.affine:
            return group_norm(name, first)
        if kind is nn.PReLU and first.num_parameters == 1:
            return prelu(name)
        if kind in _DROPOUTS:
            return dropout(self._numbers[id(first)], modules)
        if kind in _BY_ELEMENT or (kind in _BY_CHANNEL and self._maps):
            self._maps = self._maps and kind is not Overall
            return stateless(first)
        raise BadValue(f"the layer {name or 'of the model'}, {_shown(first)}, has no form for many members")

    def _wide_and_deep(self, name: str, modules: Sequence[WideAndDeep]) -> Layer:
        inside = f"{name}." if name else ""
        self._maps, maps = False, self._maps
        wide = self._layer(f"{inside}wide", [module.wide for module in modules])
        self._maps = maps
        deep = self._chain(f"{inside}deep", [module.deep for module in modules])

        def run(signal: Signal, now: Pass) -> Tensor:
            through = signal
            for layer in deep:
                through = layer(through, now)
            return own(through) + own(wide(flatten(signal, now), now))

        return run


def dimensions(setup: Setup) -> int:
    """Dimensions of a sample as the network sees it: 1 for rows, 3 for images."""
    return len(input_shape(setup.data, setup.fitted))


def _unrolled(name: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules that a signal goes through, by name; those that only call others in their order are opened."""
    kind = type(module)
    inside = f"{name}." if name else ""
    parts: dict[type, tuple[str, ...]] = {
        nn.Sequential: tuple(module._modules) if kind is nn.Sequential else (),  # a child may stand there twice
        Stack: ("features", "pool", "hidden", "head"),
        Convnet: ("whiten", "activation", "blocks", "pool", "dropout", "head"),
    }
    if kind not in parts:
        yield name, module
        return
    for part in parts[kind]:
        yield from _unrolled(f"{inside}{part}", getattr(module, part))
    if kind is Convnet:
        yield name, module  # its own part: the factor on the outputs


def _facts(module: nn.Module) -> dict[str, str]:
    """What must agree between members, beside the class; probabilities and factors may differ."""
    if isinstance(module, Masking | Convnet | WideAndDeep):
        return {}
    settings = {name: value for name, value in vars(module).items() if not name.startswith("_") and name != "training"}
    return {name: repr(value) for name, value in settings.items()}


def _shown(module: nn.Module) -> str:
    """A layer with its settings; of one that holds others its class alone."""
    return type(module).__name__ if module._modules else str(module)


def _refuse_hooks(model: nn.Module) -> None:
    """Refuse what runs beside the layers, which together are computed without being called."""
    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks:
            raise BadValue(f"hooks are registered on {name or 'the model'}, which many at once do not call")
