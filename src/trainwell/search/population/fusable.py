"""Whether trainings can be done together, and why not."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from trainwell.augmentations import augmentations
from trainwell.errors import BadValue
from trainwell.optimizers import innermost
from trainwell.schedules import reaction
from trainwell.search.population.network import Network, dimensions
from trainwell.search.population.stepping import STEPPED
from trainwell.training.setup import Setup, input_shape

_CLIPPED = ("norm", "value")


def fusable(setups: Sequence[Setup]) -> str | None:
    """Why these trainings cannot be done together, in one sentence; None where they can."""
    if not setups:
        return "There is nothing to train."
    alike: dict[str, Callable[[Setup], Any]] = {
        "device": lambda setup: setup.device,
        "batch size": lambda setup: setup.feeds["train"].batch_size,
        "loss": lambda setup: setup.recipe.loss.name,
        "optimizer": lambda setup: setup.recipe.optimizer.name,
        "optimizer.nesterov": lambda setup: setup.recipe.optimizer.args.get("nesterov"),
        "number of outputs": lambda setup: setup.num_outputs,
        "targets": _targets,
        "shape of a sample": lambda setup: input_shape(setup.data, setup.fitted),
    }
    for what, of in alike.items():
        found = list(dict.fromkeys(of(setup) for setup in setups))
        if len(found) > 1:
            return f"They differ in {what}: {found[0]} and {found[1]}."
    recipe = setups[0].recipe
    if innermost(recipe.optimizer) != recipe.optimizer or recipe.optimizer.name not in STEPPED:
        return f"The optimizer {recipe.optimizer.name} is not stepped for many at once; {', '.join(STEPPED)} are."
    for setup in setups:
        if setup.recipe.clip is not None and setup.recipe.clip.name not in _CLIPPED:
            name = setup.recipe.clip.name
            return f"Gradients are not clipped by {name} for many at once; by norm, or by value, they are."
        if setup.recipe.penalties:
            return f"The penalty {setup.recipe.penalties[0].name} is not worked out for many at once."
        if setup.recipe.freeze or setup.recipe.layer_decay != 1.0:
            return "Frozen layers, and a rate for each layer, are not worked out for many at once."
        if reaction(setup.recipe.schedule) is not None:
            return f"The schedule {setup.recipe.schedule.name} goes by the losses of a training by itself."
        if any(p.dtype != torch.float32 for p in setup.model.parameters()):
            return "The weights are not all of float32."
    return _shape(setups)


def _targets(setup: Setup) -> str:
    """What a training batch is judged by."""
    if setup.num_classes is None:
        return "values"
    mixed = any(augmentations[part.name].facts.get("kind") == "mix" for part in setup.recipe.augment)
    return "blends of classes" if mixed else "classes"


def _shape(setups: Sequence[Setup]) -> str | None:
    """Why the networks cannot be computed together."""
    models = [setup.model for setup in setups]
    if len(list(models[0].named_parameters())) != len(list(models[0].named_parameters(remove_duplicate=False))):
        return "Layers of the network share a parameter."
    first = [(name, p.shape, p.requires_grad) for name, p in models[0].named_parameters()]
    for model in models[1:]:
        if [(name, p.shape, p.requires_grad) for name, p in model.named_parameters()] != first:
            return "The networks are not of one shape: their parameters differ."
    try:
        Network(models, dimensions(setups[0]))
    except BadValue as error:
        return f"The networks cannot be computed together: {error}."
    return None
