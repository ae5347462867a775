"""Optimizers: from gradients to steps.

A member takes parameter groups and gives a torch optimizer; one that needs two passes does them in `step(closure)`::

    (groups: Groups, *, lr: float, ...) -> torch.optim.Optimizer

A group is a dict with `params`, and may carry its own `weight_decay` and a `rate_scale`: what the learning rate is
multiplied by for this group, 1 if absent. Whoever changes the rate later has to multiply by it too. Plain tensors
instead of groups are one group.

What goes on from a checkpoint is the state of each parameter, tensors and plain numbers; the groups come anew from the
recipe. So a member keeps nothing that changes in its groups, or beside them.

Facts of a member:
    decay: What `weight_decay` does: `coupled` adds it to the gradient, `decoupled` shrinks the weights beside the step,
        `none`: there is none. A wrapper has that of the optimizer within it.
    rate: Usual band of `lr`, (low, high): outside it something else is probably wrong. A wrapper has that of the
        optimizer within it.
    two_pass: Whether a step asks for the gradient twice, so that it needs a closure.
    wraps: Name of the hyper-parameter that is the optimizer within; see `innermost`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.family import Family, Part
from trainwell.optimizers.depth import distances
from trainwell.parameters import is_norm, learnt

optimizers = Family("optimizers", __name__, "optimizer")

Groups = Iterable[Tensor] | Iterable[dict[str, Any]]

_WEIGHTS, _REST, _SHIFTS = range(3)  # kinds of groups, in their order
_FUSED = {"cpu", "cuda"}  # devices on which torch has its fused step, 2-3 times faster than the plain one


def parameter_groups(
    model: nn.Module,
    *,
    weight_decay_on: Literal["weights", "all"] = "weights",
    norm_bias_rate: float = 1.0,
    layer_decay: float = 1.0,
) -> list[dict[str, Any]]:
    """The learnt parameters of a model, grouped by how they are to be stepped.

    Args:
        model: Read.
        weight_decay_on: `weights` keeps decay off biases and norms (all parameters of one dimension, and those of norm
            modules); `all` decays everything.
        norm_bias_rate: Factor on the learning rate of the shifts of norms.
        layer_decay: Factor on the learning rate from each layer to the one before it, counted from the last; see
            `trainwell.optimizers.depth`.

    Returns:
        One to three groups, none empty: weights; biases and norms, with a `weight_decay` of 0; and, where their rate
        differs, the shifts of norms with a `rate_scale`. With a `layer_decay` so many for each layer, each with a
        `rate_scale`, in the order of the network.

    Raises:
        BadValue: Nothing in the model is learnt.

    Reference:
        `layer_decay`: Howard, Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018, section 3.2.
    """
    from_head = distances(model) if layer_decay != 1.0 else {}
    found: dict[tuple[int, int], list[Tensor]] = {}
    for module, name, parameter in learnt(model):
        if norm_bias_rate != 1.0 and is_norm(module) and name == "bias":
            kind = _SHIFTS
        else:
            kind = _REST if parameter.ndim < 2 or is_norm(module) else _WEIGHTS
        found.setdefault((-from_head.get(id(parameter), 0), kind), []).append(parameter)
    groups: list[dict[str, Any]] = []
    for (place, kind), parameters in sorted(found.items(), key=lambda item: item[0]):
        group: dict[str, Any] = {"params": parameters}
        if kind == _SHIFTS or layer_decay != 1.0:
            group["rate_scale"] = layer_decay**-place * (norm_bias_rate if kind == _SHIFTS else 1.0)
        if kind != _WEIGHTS and weight_decay_on == "weights":
            group["weight_decay"] = 0.0
        groups.append(group)
    if not groups:
        raise BadValue("The model has no parameter that is learnt: all are frozen, or there are none.")
    return groups


def with_rates(groups: Groups, lr: float) -> list[dict[str, Any]]:
    """The groups as dicts, each with the `lr` that its `rate_scale` gives; what came is not changed."""
    listed: list[Any] = list(groups)
    if not listed:
        raise BadValue("There are no parameters to optimize.")
    if isinstance(listed[0], Tensor):
        listed = [{"params": listed}]
    filled = [group | {"params": list(group["params"])} for group in listed]
    return [group | {"lr": lr * group.get("rate_scale", 1.0)} for group in filled]


def fused(groups: Sequence[dict[str, Any]]) -> bool | None:
    """True where torch's fused step can take the parameters; None leaves the choice to torch."""
    parameters = [parameter for group in groups for parameter in group["params"]]
    able = all(p.is_floating_point() and p.device.type in _FUSED and not p.is_sparse for p in parameters)
    return True if able else None


def innermost(part: Part | str | Mapping[str, Any]) -> Part:
    """The optimizer that decides on decay and rate: the part itself, or what it wraps, and so on inwards."""
    resolved = optimizers.resolve(part)
    while (name := optimizers[resolved.name].facts.get("wraps")) is not None:
        resolved = resolved.args[name]
    return resolved
