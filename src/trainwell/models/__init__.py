"""Models: networks built from the families.

A member takes the shape of one input and the number of outputs, and gives a module::

    (input_shape: tuple[int, ...], num_outputs: int, *, ...) -> nn.Module      # (N, *input_shape) -> (N, num_outputs)

`input_shape` is (C, H, W) for images and (F,) for rows. A member initialises what it builds from torch's default
generator; `build` does so under a seed. `package.module:factory` brings a network from outside, see `outside`.

A model is put together from the families by a few rules, each written here once: where a norm stands (`normed`), where
a dropout goes (`dropped`), how far a map can be pooled (`pooled`).

A model may have the attribute `data_initializers`: which data-dependent initializer sets which of its modules, by the
name of the module; `prepare` runs them.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trainwell import draws
from trainwell.activations import activations, width_factor
from trainwell.dropouts import dropouts
from trainwell.errors import BadData, BadValue
from trainwell.family import Family, Member, Part
from trainwell.initializers import initialize, initializers
from trainwell.models.outside import adapted
from trainwell.norms import norms
from trainwell.poolings import poolings, shrinks

NormPlace = Literal["before", "after"]


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

    Args:
        dropout: One of `dropouts`; None is none.
        layer: A linear or convolution layer.

    Returns:
        The layer alone, the layer in what drops its weights, or the layer and what goes behind it or its activation.

    Raises:
        BadValue: The dropout wraps a residual branch, and here is none.
    """
    if dropout is None:
        return [layer]
    part = dropouts.part(dropout)
    wraps = dropouts[part.name].facts.get("wraps")
    if wraps == "branch":
        raise BadValue(
            f"{part.name} drops residual branches, and there is none in this place. Take another dropout, or set "
            f"{part.name} of a resnet or a convnext."
        )
    return [dropouts.build(part, layer)] if wraps == "layer" else [layer, dropouts.build(part)]


def normed(
    norm: Part | str, activation: Part | str, features: int, dimensions: int, place: NormPlace
) -> list[nn.Module]:
    """A norm and an activation in their order.

    Args:
        norm: One of `norms`.
        activation: One of `activations`.
        features: What comes out of the activation; `width_factor` times as many come in.
        dimensions: Dimensions beyond the features.
        place: Whether the norm stands before or after the activation.

    Returns:
        Two modules. The layer in front of them needs a bias of its own unless the first of them has one.

    Raises:
        BadValue: A place is given for no norm.
    """
    part = norms.part(norm)
    if place == "after" and part.name == "none":
        raise BadValue("norm_place=after has no effect with norm=none. Name a norm, or leave norm_place out.")
    bend: nn.Module = activations.build(activation)
    if place == "after":
        return [bend, norms.build(part, features, dimensions)]
    return [norms.build(part, features * width_factor(activation), dimensions), bend]


def has_shift(module: nn.Module) -> bool:
    """Whether the module adds a learnt shift, so that a bias in front of it is one too many."""
    return getattr(module, "bias", None) is not None


def smallest_side(norm: Part | str) -> int:
    """The smallest side of a map that the norm can work with: one that has only positions to go by needs two."""
    return 2 if norms[norms.part(norm).name].facts.get("needs_positions") else 1


def check_window(id: str, pooling: Part | str) -> None:
    """Raise `BadValue` where the pooling of a model's windows takes the whole map."""
    if poolings[poolings.part(pooling).name].facts.get("overall"):
        raise BadValue(
            f"{id} pools windows between its convolutions; a pooling of the whole map leaves nothing. Take max or avg, "
            "and name it as last_pooling."
        )


def check_overall(id: str, pooling: Part | str) -> None:
    """Raise `BadValue` where the last pooling of a model leaves a map."""
    if not poolings[poolings.part(pooling).name].facts.get("overall"):
        known = ", ".join(member.id for member in poolings if member.facts.get("overall"))
        raise BadValue(
            f"{id}.last_pooling={poolings.part(pooling).name} leaves a map, and the head takes one number a channel. "
            f"Take one of: {known}."
        )


def check_images(id: str, input_shape: tuple[int, ...], norm: Part | str, smallest: int = 1) -> None:
    """Raise `BadValue` unless the input is an image of at least `smallest` pixels, on which the norm has work to do."""
    if len(input_shape) != 3 or min(input_shape[1:]) < smallest:
        raise BadValue(
            f"{id} takes images (C, H, W){f' of at least {smallest} px' if smallest > 1 else ''}, got shape "
            f"{input_shape}. For rows take mlp."
        )
    least = smallest - 1 + smallest_side(norm)
    if min(input_shape[1:]) < least:
        raise BadValue(
            f"The norm {norms.part(norm).name} has nothing to go by on a map of one position, which {id} makes of "
            f"shape {input_shape}. Take images of at least {least} px, or another norm: group, layer."
        )


def pooled(pooling: Part | str, size: tuple[int, int], norm: Part | str) -> tuple[int, int]:
    """Height and width of a map behind a pooling; `size` itself where the map is too small to be pooled any further."""
    divisor = shrinks(pooling)
    behind = (int(size[0] / divisor), int(size[1] / divisor))
    return behind if min(behind) >= smallest_side(norm) else size
