"""LSUV: scale each layer until its output has unit variance."""

import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.initializers import initializers, layers_of


@initializers.add(
    "lsuv",
    paper="https://arxiv.org/abs/1511.06422",
    limits={"tolerance": "(0, 1)", "max_rounds": "[1, inf)"},
    data_dependent=True,
    before="orthogonal",
)
@torch.no_grad()
def lsuv(module: nn.Module, batch: Tensor, *, tolerance: float = 0.1, max_rounds: int = 10, head: bool = False) -> None:
    """Layer-sequential unit variance: divide each layer's weights by the spread of its output on a batch.

    Definition: start from orthogonal weights (`initialize` does that); then, for each linear and convolution layer in
    the order in which the batch passes, w <- w / sqrt(Var(output)) until |Var(output) - 1| <= tolerance, over all
    samples, units and places of the output, in evaluation. A layer sees what the scaled ones before it give, so one
    pass does. As the variance is measured, any activation, pooling or skip between the layers is accounted for.

    The paper scales the last layer too. Here it keeps what it has unless `head` says so, as the initial loss should be
    what the task implies.

    Reach for it when the network is deep, without norms, and no gain is known for what stands between its layers.

    Leave it when norms follow the layers, or the gain is known: `auto` does it without data.

    Cost: two forward passes of the batch, and in each layer one more per round.

    Args:
        module: Network, or a single layer; its weights are changed in place.
        batch: What goes into it, (N, ...): some hundred preprocessed inputs.
        tolerance: How far from 1 the variance may stay.
        max_rounds: Most divisions of a layer; with zero biases the first one is exact.
        head: Whether the last of several layers is scaled too.

    Returns:
        Nothing: the weights are set in place.

    Raises:
        BadValue: No linear or convolution layer is reached, or the output of one does not vary over the batch.

    Reference:
        Mishkin, Matas, "All you need is a good init", 2016, algorithm 1.
    """
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        order = _order(module, batch)
        if not order:
            raise BadValue("lsuv scales linear and convolution layers, and the batch passes through none.")
        keeps_last = len(order) > 1 and not head
        scaled = dict(list(order.items())[: -1 if keeps_last else None])
        _scale(module, batch, scaled, tolerance, max_rounds)
    finally:
        for part, mode in modes.items():
            part.training = mode


def _order(module: nn.Module, batch: Tensor) -> dict[nn.Module, str]:
    """The layers in the order in which the batch first reaches them, with their names."""
    names: dict[nn.Module, str] = {layer: name for name, layer in layers_of(module)}
    order: dict[nn.Module, str] = {}

    def note(layer: nn.Module, _: tuple[Tensor, ...]) -> None:
        order.setdefault(layer, names[layer])

    handles = [layer.register_forward_pre_hook(note) for layer in names]
    try:
        module(batch)
    finally:
        for handle in handles:
            handle.remove()
    return order


def _scale(module: nn.Module, batch: Tensor, layers: dict[nn.Module, str], tolerance: float, max_rounds: int) -> None:
    """Send the batch through once; each layer is scaled when it is first reached and hands on its new output."""
    waiting = dict(layers)

    def scale(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if layer not in waiting:
            return output
        name = waiting.pop(layer)
        for done in range(max_rounds + 1):
            variance = output.float().var(correction=0)
            if not 0.0 < variance < torch.inf:
                raise BadValue(
                    f"lsuv: the output of the layer {name!r} has a variance of {variance.item()} over the batch of "
                    f"{len(batch)}, which cannot be scaled to 1. Are its weights 0, or all inputs alike?"
                )
            if abs(variance - 1.0) <= tolerance:
                return output
            if done < max_rounds:
                layer.weight.div_(variance.sqrt())  # type: ignore[operator]
                output = layer.forward(*inputs)  # not a call: that would come here again
        raise BadValue(
            f"lsuv: the variance of the layer {name!r} is {variance.item():.3g} after {max_rounds} rounds. "
            "Biases that differ much from each other keep it there: set them to 0 first."
        )

    handles = [layer.register_forward_hook(scale) for layer in layers]
    try:
        module(batch)
    finally:
        for handle in handles:
            handle.remove()
