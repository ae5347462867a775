"""Models: networks built from the families.

A member takes the shape of one input and the number of outputs, and gives a module::

    (input_shape: tuple[int, ...], num_outputs: int, *, ...) -> nn.Module      # (N, *input_shape) -> (N, num_outputs)

`input_shape` is (C, H, W) for images and (F,) for rows. A member initialises what it builds from torch's default
generator; `build` does so under a seed. `package.module:factory` brings a network from outside, see `outside`.

A model may have the attribute `data_initializers`: which data-dependent initializer sets which of its modules, by the
name of the module; `prepare` runs them.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from trainwell import draws
from trainwell.dropouts import dropouts
from trainwell.errors import BadData, BadValue
from trainwell.family import Family, Member, Part
from trainwell.initializers import initialize, initializers
from trainwell.models.outside import adapted


class Models(Family):
    """The family of models: it also takes factories from outside the package, which know nothing of it."""

    def __getitem__(self, id: str) -> Member:
        """The member called `id`, or the factory at `package.module:factory`."""
        member = super().__getitem__(id)
        is_outside = ":" in id and member.id == id
        return Member(self.name, id, adapted(id, member.make)) if is_outside else member


models = Models("models", __name__, "model")


def build(part: Part | str | Mapping[str, Any], input_shape: tuple[int, ...], num_outputs: int, seed: int) -> nn.Module:
    """Build a model and initialise it: the same bits for the same seed, and torch's random state is left as it was.

    Args:
        part: One of `models`.
        input_shape: Shape of one input, (C, H, W) or (F,).
        num_outputs: Number of outputs.
        seed: Seed of the initial weights.

    Raises:
        UnknownName: No such model, or no such argument of it.
        BadValue: The model cannot be built for this shape, or a factory from outside gave no module.
    """
    checked = models.part(part)
    if num_outputs < 1 or not input_shape or min(input_shape) < 1:
        raise BadValue(f"A model needs inputs and outputs, got shape {tuple(input_shape)} and {num_outputs} outputs.")
    on_cuda = torch.cuda.is_initialized()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if on_cuda else ()):
        word = draws.key(seed, "model")
        torch.default_generator.manual_seed(word)
        if on_cuda:
            torch.cuda.manual_seed_all(word)
        model: nn.Module = models.build(checked, tuple(input_shape), num_outputs)
    return model


def initialized(
    model: nn.Module,
    initializer: Part | str,
    *,
    activation: Part | str,
    head: nn.Module,
    head_scale: float,
    data_initializers: Mapping[str, Part] | None = None,
) -> None:
    """Initialise a model that has just been built, with a seed drawn from torch's default generator.

    Args:
        model: Changed in place; gets the attribute `data_initializers`.
        initializer: One of `initializers`; one that is data-dependent is noted down for `prepare`.
        activation: What follows the layers.
        head: The last layer.
        head_scale: Factor on its weights.
        data_initializers: Initializers of single layers, by name of the module.
    """
    part = initializers.part(initializer)
    seed = int(torch.randint(2**62, ()))
    initialize(model, part, seed=seed, activation=activation, head=head, head_scale=head_scale)
    whole = {"": part} if initializers[part.name].facts.get("data_dependent") else {}
    model.data_initializers = whole | dict(data_initializers or {})  # type: ignore[assignment]


class _Reached(Exception):
    """The module was reached; the rest of the forward pass is not needed."""


@torch.no_grad()
def prepare(model: nn.Module, batch: Tensor) -> list[str]:
    """Run the data-dependent initializers of a model on a batch; nothing happens where it has none.

    Each gets its module and what reaches that module when the batch goes in. Run once, before training.

    Args:
        model: Changed in place.
        batch: Preprocessed inputs, (N, *input_shape), on the device of the model.

    Returns:
        Names of the modules that were set; the empty name is the model itself.

    Raises:
        BadData: The batch is empty.
    """
    planned: Mapping[str, Part] = getattr(model, "data_initializers", {})
    if planned and len(batch) == 0:
        raise BadData("The model is to be initialised from data, and the batch is empty.")
    for name, part in planned.items():
        module = model.get_submodule(name)
        initializers.build(part, module, batch if module is model else _input_of(model, module, batch))
    return list(planned)


def _input_of(model: nn.Module, module: nn.Module, batch: Tensor) -> Tensor:
    reached: list[Tensor] = []

    def stop(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        reached.append(inputs[0])
        raise _Reached

    was_training = model.training
    handle = module.register_forward_pre_hook(stop)
    try:
        model.eval()(batch)
    except _Reached:
        pass
    finally:
        handle.remove()
        model.train(was_training)
    return reached[0]


def dropped(dropout: Part | str | None, layer: nn.Module) -> list[nn.Module]:
    """A layer and the dropout that goes with it, in order: behind it, or around it where it drops the weights.

    Raises:
        BadValue: The dropout wraps a residual branch, and here is none.
    """
    if dropout is None:
        return [layer]
    part = dropouts.part(dropout)
    wraps = dropouts[part.name].facts.get("wraps")
    if wraps == "branch":
        raise BadValue(f"{part.name} drops residual branches, and this model has none. Take dropout, or a resnet.")
    return [dropouts.build(part, layer)] if wraps == "layer" else [layer, dropouts.build(part)]
