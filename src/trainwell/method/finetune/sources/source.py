"""A network that comes with weights, and what is known of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.models import build
from trainwell.preprocessing import Fitted


@dataclass(frozen=True, eq=False)
class Source:
    """Where a transfer starts from.

    Args:
        text: What was given.
        model: Part by which `models.build(model, input_shape, num_outputs, seed)` makes the same network with another
            head, so that the new run needs the source no more; None where it cannot be built by name.
        network: The whole network with the head it came with, in evaluation mode.
        head: Name of its last layer, as `network` calls it: the one that is replaced.
        input_shape: (C, H, W), or (F,) for rows, behind the preprocessing.
        classes: Names of what it told apart; empty where they are not known or it gives numbers.
        preprocessing: What its inputs went through; None where that is not known.
        decoding: How its run read its data, for `open_data(like=...)`; None where it is no run of ours.
        lr: Peak rate it was trained at; None where that is not known.
        optimizer: What it was trained by; None where that is not known.
        notes: What was found, for the screen, one line each.
        shortcuts: Names of linear layers beside the head, which start at 0 with it.
    """

    text: str
    model: Part | None
    network: nn.Module
    head: str
    input_shape: tuple[int, ...]
    classes: tuple[str, ...]
    preprocessing: Fitted | None
    decoding: dict[str, Any] | None
    lr: float | None
    optimizer: Part | None
    notes: tuple[str, ...]
    shortcuts: tuple[str, ...] = ()


def head_name(network: nn.Module, num_outputs: int) -> str:
    """Name of the last linear layer of so many outputs.

    Raises:
        BadValue: There is none, so that no head can be put in its place.
    """
    found = _linear(network, num_outputs)
    if not found:
        raise BadValue(
            f"{type(network).__name__} has no linear layer of {num_outputs} outputs that could be replaced by a new "
            "head. Fine-tune a network that ends in one."
        )
    return found[-1]


def head_and_shortcuts(
    model: Part, input_shape: tuple[int, ...], num_outputs: int, network: nn.Module
) -> tuple[str, tuple[str, ...]]:
    """Name of the head of a network that can be built by name, and of the linear shortcuts to the outputs beside it.

    A shortcut is a linear layer that starts at 0, such as the wide path of an MLP beside its deep one: with other
    outputs it starts at 0 again, and until it learns the network is what it is without it.

    Args:
        model: Part by which it was built.
        input_shape: Shape of a sample.
        num_outputs: Its outputs.
        network: With the weights it comes with.

    Raises:
        BadValue: It has no head, or something else in it changes its shape with the number of outputs.
    """
    other = build(model, input_shape, num_outputs + 1, 0)
    fresh, known = other.state_dict(), network.state_dict()
    changed = [name for name, value in known.items() if name not in fresh or fresh[name].shape != value.shape]
    shortcuts = [
        name
        for name, module in other.named_modules()
        if isinstance(module, nn.Linear)
        and f"{name}.weight" in changed
        and not any(value.any() for value in module.parameters())
    ]
    heads = [name for name in _linear(network, num_outputs) if name not in shortcuts]
    head = heads[-1] if heads else head_name(network, num_outputs)
    shortcuts = [name for name in shortcuts if name != head]
    others = [name for name in changed if not belongs(name, (head, *shortcuts))]
    if others:
        raise BadValue(
            f"{model.name} depends on the number of outputs in {', '.join(others)} too, not in its head ({head}) "
            "alone, so that a new head does not make it fit other classes. Fine-tune a network with a single head."
        )
    return head, tuple(shortcuts)


def belongs(name: str, modules: Iterable[str]) -> bool:
    """Whether a parameter or buffer of this name belongs to one of the modules."""
    return any(name.startswith(f"{module}.") for module in modules)


def _linear(network: nn.Module, num_outputs: int) -> list[str]:
    """Names of the linear layers of so many outputs."""
    return [
        name
        for name, module in network.named_modules()
        if name and isinstance(module, nn.Linear) and module.out_features == num_outputs
    ]
