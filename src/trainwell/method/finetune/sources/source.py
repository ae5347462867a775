"""A network that comes with weights, and what is known of it."""

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


def head_name(network: nn.Module, num_outputs: int) -> str:
    """Name of the last linear layer of so many outputs.

    Raises:
        BadValue: There is none, so that no head can be put in its place.
    """
    found = [
        name
        for name, module in network.named_modules()
        if name and isinstance(module, nn.Linear) and module.out_features == num_outputs
    ]
    if not found:
        raise BadValue(
            f"{type(network).__name__} has no linear layer of {num_outputs} outputs that could be replaced by a new "
            "head. Fine-tune a network that ends in one."
        )
    return found[-1]


def refuse_two_heads(
    model: Part, input_shape: tuple[int, ...], num_outputs: int, network: nn.Module, head: str
) -> None:
    """Raise `BadValue` where more than the head changes its shape with the number of outputs."""
    other = build(model, input_shape, num_outputs + 1, 0).state_dict()
    changed = [
        name
        for name, value in network.state_dict().items()
        if not name.startswith(f"{head}.") and (name not in other or other[name].shape != value.shape)
    ]
    if changed:
        raise BadValue(
            f"{model.name} depends on the number of outputs in {', '.join(changed)} too, not in its head ({head}) "
            "alone, so that a new head does not make it fit other classes. Fine-tune a network with a single head."
        )
