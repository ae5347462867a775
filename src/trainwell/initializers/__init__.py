"""Initializers: how weights start.

A member fills a weight in place::

    (tensor, fans: Fans, generator: torch.Generator, *, ...) -> None

`gain` is a factor on what the member fills in. A data-dependent member takes `(module, batch)` instead, the module
whose weights it sets and what goes into it; it runs before training, see `trainwell.models.prepare`.

Facts of a member:
    wants_gain: Whether `initialize` multiplies by the gain of the activation; he_* hold the one of ReLU already.
    data_dependent: Whether it takes `(module, batch)`.
    before: Id of the member that fills a whole model until a data-dependent one has run. One that has none sets a
        single layer, which the model names, and cannot be asked of a whole model.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from trainwell import draws
from trainwell.activations import activations
from trainwell.errors import BadValue
from trainwell.family import Family, Part
from trainwell.parameters import is_norm

initializers = Family("initializers", __name__, "initializer")


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


@torch.no_grad()
def initialize(
    model: nn.Module,
    initializer: Part | str | Mapping[str, Any],
    *,
    seed: int,
    activation: Part | str = "identity",
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
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            follows = "identity" if module is head else activations.part(activation).name
            args = dict(part.args)
            if member.facts.get("wants_gain"):
                args["gain"] = args.get("gain", 1.0) * activations[follows].facts.get("gain", 1.0)
            if "activation" in member.hyper and args.get("activation") is None:
                args["activation"] = follows
            filled = torch.empty(module.weight.shape)
            generator = torch.Generator().manual_seed(draws.key(seed, "initializer", f"{name}.weight"))
            member.make(filled, fans_of(filled, getattr(module, "groups", 1)), generator, **args)
            module.weight.copy_(filled.mul_(head_scale) if module is head else filled)
        elif not is_norm(module):
            continue
        elif isinstance(getattr(module, "weight", None), Tensor):
            module.weight.fill_(1.0)
        if isinstance(getattr(module, "bias", None), Tensor):
            module.bias.zero_()


def _before(name: str) -> str:
    before = initializers[name].facts.get("before")
    if before is None:
        usable = [member.id for member in initializers if not member.facts.get("data_dependent")]
        raise BadValue(
            f"The initializer {name!r} sets a single layer from data and cannot fill a whole model. "
            f"Choose one of: {', '.join(usable)}."
        )
    return str(before)
