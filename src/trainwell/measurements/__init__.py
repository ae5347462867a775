"""Measurements: numbers taken from a step while training.

A member reads a `Step` and gives named numbers::

    (step: Step, *, ...) -> dict[str, Tensor]      # scalars, on the device; nothing waits for them

It changes nothing. Whether a number is good or bad is for `trainwell.diagnoses` to say. A number of one layer is named
after it: `dead_units.layers.2`. What could not be seen is left out, never put at 0.

Facts of a member:
    needs_activations: Whether it reads `Step.activations` or `Step.unit_ranges`.
    needs_slopes: Whether it reads `Step.slopes`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from trainwell.family import Family
from trainwell.parameters import weights_of

measurements = Family("measurements", __name__, "measurement")


@dataclass(frozen=True)
class Step:
    """One step of training, seen after the optimizer's step and before gradients are cleared.

    Activations go by the name of their module, `block1.act`, or of the module that calls the function,
    `block1.relu()`; from its second run in a pass on by `block1.act:2`. They stand in the order they ran. There are
    none where no measurement asks for them.

    Args:
        step: Number of steps taken so far, this one included.
        total_steps: Number of steps of the whole training.
        loss: Loss of the batch, scalar, detached.
        model: The model, with the gradients of this step.
        optimizer: The optimizer, with its state.
        lr: Learning rate of this step, before any `rate_scale`.
        updates: What the optimizer's step added to each of `trainwell.parameters.weights_of(model)`, in their order.
        gradient_norm: Norm before clipping, where the gradients were clipped.
        clipped_norm: Norm after clipping, where the gradients were clipped.
        losses: Losses of the recent steps, the oldest first and this one last.
        activations: Outputs of the activations in this step, each (N, ..., U): samples first, units last.
        slopes: Slopes of the activations at some of this step's inputs, each (M,), float32, as shares of the largest
            slope the activation has; of those that act on each number by itself.
        unit_ranges: Lowest and highest output of each unit over the recent measured batches, each (2, U).
        range_samples: Number of samples in those batches.
    """

    step: int
    total_steps: int
    loss: Tensor
    model: nn.Module
    optimizer: torch.optim.Optimizer
    lr: float
    updates: Sequence[Tensor]
    gradient_norm: Tensor | None = None
    clipped_norm: Tensor | None = None
    losses: Sequence[Tensor] = ()
    activations: Mapping[str, Tensor] = field(default_factory=dict)
    slopes: Mapping[str, Tensor] = field(default_factory=dict)
    unit_ranges: Mapping[str, Tensor] = field(default_factory=dict)
    range_samples: int = 0


def any_needs(fact: str, names: Iterable[str]) -> bool:
    """Whether one of the measurements has the fact; names that are no member's have none."""
    return any(measurements[name].facts.get(fact, False) for name in names if ":" in name or name in measurements)


def named_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """The learnt weights, in the order of the model, by the name of their layer; a shared one has its first name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(weight)].removesuffix(".weight"): weight for weight in weights_of(model)}


def by_layer(measurement: str, names: Iterable[str], values: Tensor) -> dict[str, Tensor]:
    """The numbers of the layers, (L,), under their names."""
    return {f"{measurement}.{name}": value for name, value in zip(names, values.unbind(), strict=True)}
