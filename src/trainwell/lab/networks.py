"""Plain stacks of layers made of the families, and what passes through them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainwell.activations import activations
from trainwell.family import Part
from trainwell.initializers import initialize


def stack(
    activation: Part | str,
    initializer: Part | str,
    widths: Sequence[int],
    *,
    seed: int,
    head: int | None = None,
    head_scale: float = 1.0,
) -> nn.Sequential:
    """Linear layers, an activation behind each.

    Weights are filled by the rule as its paper has it, without the gain of the activation that training adds; biases
    are 0.

    Args:
        activation: One of `activations`.
        initializer: One of `initializers`, with its own `gain` where one is wanted.
        widths: Inputs, then the units of each layer.
        seed: Seed of the weights.
        head: Outputs of a linear layer at the end; None for none.
        head_scale: Factor on the weights of the head.

    Returns:
        Modules in order: flatten, then linear and activation by turns, then the head.
    """
    model = nn.Sequential(nn.Flatten())
    for fan_in, width in pairwise(widths):
        model.extend([nn.Linear(fan_in, width), activations.build(activation)])
    last = None if head is None else nn.Linear(widths[-1], head)
    if last is not None:
        model.append(last)
    initialize(model, initializer, seed=seed, head=last, head_scale=head_scale)
    return model


@dataclass(frozen=True)
class Passage:
    """What passed through a stack, layer by layer.

    Args:
        inputs: Of each activation, (N, units).
        outputs: Of each activation, (N, units).
        input_gradients: Gradients of the loss by `inputs`; empty where no loss was given.
        output_gradients: Gradients of the loss by `outputs`.
        weight_gradients: Gradients of the loss by the weights of the layers, the head not among them.
    """

    inputs: list[Tensor]
    outputs: list[Tensor]
    input_gradients: list[Tensor]
    output_gradients: list[Tensor]
    weight_gradients: list[Tensor]


def passage(model: nn.Sequential, x: Tensor, loss: Callable[[Tensor], Tensor] | None = None) -> Passage:
    """Send a batch through a stack, and the gradient back where there is a loss.

    Args:
        model: As `stack` gives it; its gradients are left as they were.
        x: (N, ...).
        loss: Output -> scalar.
    """
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    weights: list[Tensor] = []
    signal = x
    last = len(model) - 1
    for place, module in enumerate(model):
        if isinstance(module, nn.Linear):
            signal = module(signal)
            if place < last:
                inputs.append(signal)
                weights.append(module.weight)
        else:
            signal = module(signal)
            if place > 0:
                outputs.append(signal)
    found: list[Tensor] = []
    if loss is not None:
        found = list(torch.autograd.grad(loss(signal), [*inputs, *outputs, *weights]))
    many = len(inputs)
    return Passage(
        [t.detach() for t in inputs],
        [t.detach() for t in outputs],
        found[:many],
        found[many : 2 * many],
        found[2 * many :],
    )


def drawn_loss(rows: int, columns: int, seed: int) -> Callable[[Tensor], Tensor]:
    """A loss whose gradient at the output, (rows, columns), is drawn from a normal: nothing is to be learnt from it."""
    weights = normal(rows, columns, seed)
    return lambda output: (output * weights).mean()


def shares(values: Tensor, span: tuple[float, float], bins: int = 41) -> list[float]:
    """Share of the values in each of so many bins of a histogram; what lies outside is in none."""
    counts = torch.histc(values.float(), bins=bins, min=span[0], max=span[1])
    return [round(float(share), 5) for share in counts / values.numel()]


def normal(rows: int, columns: int, seed: int) -> Tensor:
    """Standard normal inputs, (rows, columns)."""
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
