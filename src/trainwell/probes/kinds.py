"""Kinds of operations: which module or function of torch, or of a family, does what."""

from collections.abc import Mapping
from typing import Literal

from torch import nn
from torch.nn.utils import parametrize

from trainwell.parameters import is_norm

Kind = Literal[
    "layer", "recurrent", "norm", "activation", "dropout", "pool", "add", "join", "product", "scale", "shape", "other"
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FAMILIES: Mapping[str, Kind] = {
    "activations": "activation",
    "norms": "norm",
    "dropouts": "dropout",
    "poolings": "pool",
}
# torch's names of what a family calls otherwise; all other ids are the same.
_IDS = {
    "silu": "swish",
    "hardswish": "hard_swish",
    "expit": "sigmoid",
    "logsigmoid": "log_sigmoid",
    "logsoftmax": "log_softmax",
    "leakyrelu": "leaky_relu",
    "alphadropout": "alpha_dropout",
    "featurealphadropout": "alpha_dropout",
    "feature_alpha_dropout": "alpha_dropout",
    **{f"dropout{d}d": "channel_dropout" for d in (1, 2, 3)},
    "feature_dropout": "channel_dropout",
}
_ACTIVATIONS = _words(
    "relu relu6 leaky_relu prelu rrelu elu selu celu gelu swish mish sigmoid log_sigmoid tanh softplus hard_swish "
    "hardsigmoid hardtanh softmax softmin log_softmax softsign threshold hardshrink softshrink tanhshrink"
)
_DROPOUTS = frozenset({"dropout", "alpha_dropout", "channel_dropout"})
_SHAPES = _words(
    "flatten view view_as reshape reshape_as permute transpose squeeze unsqueeze contiguous clone detach to float "
    "half bfloat16 double type type_as expand expand_as getitem get chunk split unbind movedim moveaxis unflatten pad "
    "narrow select swapaxes swapdims index_select repeat cpu cuda identity t adjoint"
)
_SUMS = frozenset({"add", "iadd", "radd", "sub", "isub", "rsub", "sum"})
_PRODUCTS = frozenset({"mul", "imul", "rmul", "div", "idiv", "truediv", "itruediv", "multiply", "divide", "glu"})
_JOINS = frozenset({"cat", "concat", "concatenate", "stack", "hstack", "vstack"})
_MATRIX = frozenset({"matmul", "rmatmul", "mm", "bmm", "addmm", "einsum"})


def is_leaf(path: str, module: nn.Module) -> bool:
    """Whether the module is one operation: one of torch's layers, one of a family, or a norm by its name.

    All other modules are looked into: what their forward does are functions and further modules.
    """
    if "parametrizations" in path.split(".") or any(name != "parametrizations" for name, _ in module.named_children()):
        return False
    places = [cls.__module__ for cls in type(module).__mro__]
    ours = places[0].split(".")[0] == "trainwell" and places[0].split(".")[1] in _FAMILIES
    torchs = any(p.startswith("torch.nn.modules.") and not p.endswith((".module", ".container")) for p in places)
    return ours or torchs or is_norm(module)


def kind_of_module(module: nn.Module) -> tuple[Kind, str]:
    """Kind and id of a leaf: the technique's id where a family has it, else torch's name in small letters."""
    cls = _plain_class(module)
    place = cls.__module__.split(".")
    if place[0] == "trainwell" and place[1] in _FAMILIES:
        return _FAMILIES[place[1]], place[2] if len(place) > 2 else cls.__name__.lower()
    if isinstance(module, nn.Linear):
        return "layer", "linear"
    if isinstance(module, nn.modules.conv._ConvNd):
        return "layer", ("conv_transpose" if module.transposed else "conv") + f"{len(module.kernel_size)}d"
    if isinstance(module, nn.Bilinear):
        return "layer", "bilinear"
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return "recurrent", cls.__name__.lower()
    if isinstance(module, nn.modules.instancenorm._InstanceNorm):
        return "norm", "instance"
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return "norm", "batch"
    if is_norm(module) and not isinstance(module, nn.LocalResponseNorm):
        name = cls.__name__.lower()
        return "norm", next((id for id in ("batch", "layer", "group", "rms") if id in name), name)
    if place[:3] == ["torch", "nn", "modules"] and place[-1] == "pooling":
        return "pool", cls.__name__.lower()
    if isinstance(module, nn.Identity | nn.Flatten | nn.Unflatten) or place[-1] in ("padding", "pixelshuffle"):
        return "shape", cls.__name__.lower()
    name = _id(cls.__name__.lower())
    if name in _DROPOUTS:
        return "dropout", name
    return ("activation", name) if name in _ACTIVATIONS else ("other", name)


def _plain_class(module: nn.Module) -> type:
    """The class of the module, without the one that a parametrisation puts over it, and the nearest that is known."""
    classes = type(module).__mro__
    if parametrize.is_parametrized(module):
        classes = classes[1:]
    for cls in classes:
        if cls.__module__.startswith(("trainwell.", "torch.nn.modules.")) and cls is not nn.Module:
            return cls
    return classes[0]


def kind_of_function(name: str, num_computed: int, has_weight: bool) -> tuple[Kind, str]:
    """Kind and id of a function of torch.

    Args:
        name: Its name without underscores at the ends: `relu_` and `__add__` are `relu` and `add`.
        num_computed: How many of the tensors that it reads depend on the input.
        has_weight: Whether it reads a parameter of the network.
    """
    name = _id(name)
    if name == "linear" or name.startswith("conv"):
        return "layer", name
    if name in _MATRIX:
        return ("layer" if has_weight else "product"), name
    if name in _ACTIVATIONS:
        return "activation", name
    if name in _DROPOUTS:
        return "dropout", name
    if name.endswith("_norm") and name != "local_response_norm":
        return "norm", name.removesuffix("_norm")
    if "_pool" in name or name in ("mean", "amax"):
        return "pool", name
    if name in _SHAPES:
        return "shape", name
    if name in _JOINS:
        return "join", name
    if name in _SUMS:
        return ("add" if num_computed > 1 else "scale"), name
    if name in _PRODUCTS:
        return ("product" if num_computed > 1 or name == "glu" else "scale"), name
    return "other", name


def _id(name: str) -> str:
    return _IDS.get(name, name)
