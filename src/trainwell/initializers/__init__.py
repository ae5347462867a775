"""Initializers: how weights start.

A member fills a weight in place::

    (tensor, fans: Fans, generator: torch.Generator, *, ...) -> None

`gain` is a factor on what the member fills in. A data-dependent member takes `(module, batch)` instead, the module
whose weights it sets and what goes into it; it runs before training, see `trainwell.models.prepare`.

Rules are made for activations: He's for rectifiers, Glorot's and LeCun's for what is about linear at 0. `initialize`
hands such a rule the gain of an activation of its own kind, so that the second moment of the signal is kept; with one
of the other kind it stays what it is by definition, and the signal shrinks or grows, see `spread_per_layer`.

Facts of a member:
    variance: v in v / fan_in, the variance of a weight of a layer with as many outputs as inputs; absent where there is
        no such number.
    by_fans: Whether the spread of what it fills in goes by the fans alone; True if absent.
    takes_gain: Of which activations `initialize` hands on the gain, `rectifiers`, `others` or `all`; absent where none.
        What the definition holds already is divided out: He's rule takes the gain over ReLU's sqrt(2).
    data_dependent: Whether it takes `(module, batch)`.
    before: Id of the member that fills a whole model until a data-dependent one has run. One that has none sets a
        single layer, which the model names, and cannot be asked of a whole model.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from trainwell import draws
from trainwell.activations import activations, gain_of, is_rectifier
from trainwell.errors import BadValue
from trainwell.family import Family, Part
from trainwell.parameters import is_norm

initializers = Family("initializers", __name__, "initializer")

Named = Part | str | Mapping[str, Any]
Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d

_KEPT = 0.8  # within 0.8 and 1.25 a layer, the second moment stays within a factor of 10 over ten layers


class Fans(NamedTuple):
    """How many inputs reach one output of a layer, and how many outputs one input."""

    fan_in: int
    fan_out: int

    @property
    def average(self) -> float:
        """Mean of both."""
        return (self.fan_in + self.fan_out) / 2


def fans_of(weight: Tensor, groups: int = 1) -> Fans:
    """The fans of a linear weight (out, in) or a convolution (out, in / groups, *kernel)."""
    if weight.ndim < 2:
        raise BadValue(f"A weight has at least two dimensions, got shape {tuple(weight.shape)}: biases have no fans.")
    area = math.prod(weight.shape[2:])
    return Fans(weight.shape[1] * area, weight.shape[0] // groups * area)


def layers_of(model: nn.Module) -> Iterator[tuple[str, Layer]]:
    """The linear and convolution layers of a model by name: those whose weights and biases are set here."""
    for name, module in model.named_modules():
        if isinstance(module, Layer):
            yield name, module


@torch.no_grad()
def initialize(
    model: nn.Module,
    initializer: Named,
    *,
    seed: int,
    activation: Named = "identity",
    head: nn.Module | None = None,
    head_scale: float = 1.0,
) -> None:
    """Fill all linear and convolution weights of a model; biases become 0, scales of norms 1 and their shifts 0.

    The draw of a weight depends on the seed and on the weight's name only, and is made on the CPU in float32: the
    same on every device. Embeddings, recurrent and transposed layers keep what they have.

    Args:
        model: Changed in place.
        initializer: One of `initializers`; a data-dependent one is replaced by what goes before it.
        seed: Seed of the draws.
        activation: What follows the layers: its gain is passed on, and `auto` chooses by it.
        head: The last layer: no activation follows it.
        head_scale: Factor on the weights of the head: small, so that the initial loss is what the task implies.

    Raises:
        BadValue: The initializer sets a single layer from data.
    """
    part = initializers.part(initializer)
    if initializers[part.name].facts.get("data_dependent"):
        part = initializers.part(_before(part.name))
    member = initializers[part.name]
    hidden, last = (_arguments(part, follows) for follows in (activation, "identity"))
    for name, module in layers_of(model):
        filled = torch.empty(module.weight.shape)
        generator = torch.Generator().manual_seed(draws.key(seed, "initializer", f"{name}.weight"))
        args = last if module is head else hidden
        member.make(filled, fans_of(filled, getattr(module, "groups", 1)), generator, **args)
        module.weight.copy_(filled.mul_(head_scale) if module is head else filled)
    fill_biases(model, 0.0)
    for norm in filter(is_norm, model.modules()):
        for name, value in (("weight", 1.0), ("bias", 0.0)):
            if isinstance(found := getattr(norm, name, None), Tensor):
                found.fill_(value)


def _arguments(part: Part, follows: Named) -> dict[str, Any]:
    """Arguments of a filling member in front of an activation."""
    args = dict(part.args)
    if initializers[part.name].facts.get("takes_gain"):
        args["gain"] = args.get("gain", 1.0) * gain_handed(part, follows)
    if "activation" in initializers[part.name].hyper and args.get("activation") is None:
        args["activation"] = activations.part(follows)
    return args


def _before(name: str) -> str:
    before = initializers[name].facts.get("before")
    if before is None:
        usable = [member.id for member in initializers if not member.facts.get("data_dependent")]
        raise BadValue(
            f"The initializer {name!r} sets a single layer from data and cannot fill a whole model. "
            f"Choose one of: {', '.join(usable)}."
        )
    return str(before)


def gain_handed(initializer: Named, activation: Named) -> float:
    """The gain that `initialize` hands an initializer in front of an activation; 1 where the rule is not made for it.

    The factor that its definition holds already is divided out: He's rule gets 1 for ReLU.
    """
    facts = initializers[initializers.part(initializer).name].facts
    gain = gain_of(activation)
    kinds = ("all", "rectifiers" if is_rectifier(activation) else "others")
    if gain is None or facts.get("takes_gain") not in kinds:
        return 1.0
    return gain / math.sqrt(facts["variance"])


def choice(activation: Named) -> str:
    """Id of the initializer that an activation wants; He's for one from outside the package that does not say."""
    return str(activations[activations.part(activation).name].facts.get("initializer", "he_normal"))


def spread_per_layer(initializer: Named, activation: Named) -> float | None:
    """Factor on the second moment of the signal that each layer puts, filled by `initialize`; 1 keeps it.

    For a layer with as many outputs as inputs it is (variance of the weights x fan_in) / gain^2, with the gain that the
    activation states. It is exact at any scale of the signal for what is linear on either side of 0; other activations
    follow it where their inputs are about standard normal.

    Args:
        initializer: One of `initializers`, with its `gain` where one is given.
        activation: What follows the layers.

    Returns:
        The factor, or None where it depends on the size of the layer or on data, or the activation states no gain.
    """
    part = initializers.resolve(initializer)
    follows = part.args.get("activation") or activation
    rule = choice(follows) if part.name == "auto" else part.name
    variance, gain = initializers[rule].facts.get("variance"), gain_of(activation)
    if variance is None or gain is None:
        return None
    return float(variance * (part.args["gain"] * gain_handed(rule, follows) / gain) ** 2)


def fits(initializer: Named, activation: Named) -> bool:
    """Whether an initializer keeps the spread of the signal through a deep stack of this activation, without norms.

    One that is set from data does; one that does not go by the fans does not. Nothing is said against what comes from
    outside the package and states no variance or gain.
    """
    facts = initializers[initializers.part(initializer).name].facts
    if facts.get("data_dependent"):
        return True
    factor = spread_per_layer(initializer, activation)
    kept = factor is None or _KEPT <= factor <= 1 / _KEPT
    return kept and bool(facts.get("by_fans", True))


@torch.no_grad()
def fill_biases(model: nn.Module, value: float, but: nn.Module | None = None) -> int:
    """Set every bias of the linear and convolution layers; norms keep theirs.

    A small positive value such as 0.01 lets a ReLU start above 0 more often than not, against dead units.

    Args:
        model: Changed in place.
        value: The bias.
        but: A layer that is passed over: the last one, whose biases say what is known without any input.

    Returns:
        How many layers had a bias to set.

    Raises:
        BadValue: The value is no finite number.
    """
    if not math.isfinite(value):
        raise BadValue(f"bias={value!r} is not possible: expected a finite number, such as 0 or 0.01.")
    biases = [module.bias for _, module in layers_of(model) if module is not but and module.bias is not None]
    for bias in biases:
        bias.fill_(value)
    return len(biases)


@torch.no_grad()
def carry_prior(head: nn.Module, target: Tensor, num_classes: int | None) -> None:
    """Let the last bias say what is known without any input: the class frequencies, or the mean of the target.

    With small weights in the head the initial loss, cross entropy or the mean squared error, is then the entropy of the
    classes or the variance of the target, and the first steps need not learn it. The bias of a class is the logarithm
    of its frequency; a class that does not occur counts as half a sample. For two classes and a single output it is
    log(p / (1 - p)) of class 1.

    Args:
        head: Last layer, with a bias of K numbers; changed in place.
        target: Of the training split: classes (N,) int64, or numbers (N,) or (N, K).
        num_classes: Number of classes; None for regression.

    Raises:
        BadValue: The head has no bias, or one that does not fit the target, or there is no target.
    """
    bias = getattr(head, "bias", None)
    if not isinstance(bias, Tensor):
        raise BadValue(f"The head {head} has no bias that could carry the prior. Give it one, or leave the prior out.")
    if len(target) == 0:
        raise BadValue("The last bias is to carry the prior, and the target is empty.")
    prior = target.double().reshape(len(target), -1).mean(0) if num_classes is None else _logits(target, num_classes)
    if num_classes == 2 and len(bias) == 1:
        prior = prior[1:] - prior[:1]
    if bias.shape != prior.shape:
        raise BadValue(f"The head has {len(bias)} outputs and the target has {len(prior)}: they have to be as many.")
    bias.copy_(prior)


def _logits(target: Tensor, num_classes: int) -> Tensor:
    """Logarithms of the class frequencies, (num_classes,) float64."""
    if target.ndim != 1 or target.is_floating_point() or target.min() < 0 or target.max() >= num_classes:
        raise BadValue(
            f"The classes of the target are whole numbers from 0 to {num_classes - 1}, (N,); got shape "
            f"{tuple(target.shape)}, {target.dtype}, from {target.min().item()} to {target.max().item()}."
        )
    counts = torch.bincount(target, minlength=num_classes).double().clamp_min(0.5)
    return (counts / counts.sum()).log().to(target.device)
