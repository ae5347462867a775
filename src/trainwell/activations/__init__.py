"""Activations: what stands between two layers and bends.

A member takes its hyper-parameters and gives a module::

    (*, ...) -> nn.Module          # (any shape) -> (the same shape)

The module may hold parameters and may know training from evaluation; one that draws has the attributes `draws` and
`layer` (see `trainwell.dropouts.attach`). No member works in place.

Facts of a member:
    gain: Factor on weights of variance 1 / fan_in under which the spread of the signal is kept.
    initializer: Id of the initializer that it wants.
    zero_centred: Whether its output can lie on both sides of 0 about equally.
    saturates: Where its slope goes to 0: `never`, `below`, `above` or `both`.
    monotone: Whether it never falls.
    width_factor: Inputs per output: a whole number, or the name of the hyper-parameter that says it; 1 if absent.
"""

from collections.abc import Mapping
from typing import Any

from trainwell.family import Family, Part

activations = Family("activations", __name__, "activation")


def width_factor(activation: Part | str | Mapping[str, Any]) -> int:
    """How many inputs the activation needs for one output: 1 but for pieces such as maxout."""
    part = activations.resolve(activation)
    factor = activations[part.name].facts.get("width_factor", 1)
    return int(part.args[factor] if isinstance(factor, str) else factor)
