"""Layers of K networks at once.

Each takes a `Signal` and a `Pass` and gives the `Tensor` that K separate layers would give, in the form that
`signals` describes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.draws import StepDraws
from trainwell.dropouts.channel_dropout import ChannelDropout
from trainwell.dropouts.dropout import PlainDropout
from trainwell.errors import BadValue
from trainwell.search.population.signals import Inputs, as_rows, is_channels_last, joined, per_member

Signal = Inputs | Tensor


@dataclass(frozen=True)
class Pass:
    """One forward pass.

    Args:
        weights: Parameters and buffers by name, (K, ...) each.
        members: K.
        draws: Randomness of each member; None in evaluation.
    """

    weights: Mapping[str, Tensor]
    members: int
    draws: Sequence[StepDraws] | None = None

    @property
    def training(self) -> bool:
        """Whether the pass is one of training."""
        return self.draws is not None


Layer = Callable[[Signal, Pass], Signal]


def own(signal: Signal) -> Tensor:
    """The signal in a form of its own for each member."""
    return signal.spread() if isinstance(signal, Inputs) else signal


def dense(name: str) -> Layer:
    """Linear layers."""

    def run(signal: Signal, now: Pass) -> Tensor:
        weight, bias = now.weights[f"{name}.weight"], now.weights.get(f"{name}.bias")
        if isinstance(signal, Inputs):
            product = signal.times(weight)
            return product if bias is None else product + bias[:, :, None]
        if bias is None:
            return torch.bmm(weight, signal)
        return torch.baddbmm(bias[:, :, None], weight, signal)

    return run


def convolution(name: str, module: nn.Conv2d) -> Layer:
    """Convolutions: of shared images one with K times the filters, else one a member or, on a GPU, in groups."""

    def run(signal: Signal, now: Pass) -> Tensor:
        weight, bias = now.weights[f"{name}.weight"], now.weights.get(f"{name}.bias")

        def convolved(maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1) -> Tensor:
            return functional.conv2d(maps, weight, bias, module.stride, module.padding, module.dilation, groups)

        last = signal.channels_last if isinstance(signal, Inputs) else is_channels_last(signal)
        form = torch.channels_last if last else torch.contiguous_format
        filters, biases = weight.flatten(0, 1), None if bias is None else bias.flatten()
        if isinstance(signal, Inputs) and signal.shared:
            found = convolved(signal.values[0], filters, biases)
        elif weight.device.type == "cuda":
            found = convolved(own(signal), filters, biases, now.members)
        else:
            parts = [part.contiguous(memory_format=form) for part in own(signal).chunk(now.members, dim=1)]
            each = zip(parts, weight, [None] * len(parts) if bias is None else bias, strict=True)
            found = torch.cat([convolved(*one) for one in each], dim=1)
        return found.contiguous(memory_format=form)

    return run


def batch_norm(name: str, module: nn.BatchNorm1d | nn.BatchNorm2d) -> Layer:
    """Batch norms: one over K times the features.

    Raises:
        BadValue: They have no momentum, and average all batches alike.
    """
    momentum = module.momentum
    if momentum is None:
        raise BadValue(f"the layer {name}, {module}, averages all batches alike, which is not done for many at once")

    def run(signal: Signal, now: Pass) -> Tensor:
        values = own(signal)
        folded = values.reshape(1, -1, values.shape[2]) if values.dim() == 3 else values
        mean, variance = now.weights[f"{name}.running_mean"], now.weights[f"{name}.running_var"]
        if now.training:
            now.weights[f"{name}.num_batches_tracked"].add_(1)
        normed = functional.batch_norm(
            folded,
            mean.view(-1),
            variance.view(-1),
            now.weights[f"{name}.weight"].reshape(-1),
            now.weights[f"{name}.bias"].reshape(-1),
            now.training,
            momentum,
            module.eps,
        )
        return normed.view_as(values)

    return run


def layer_norm(name: str, module: nn.LayerNorm) -> Layer:
    """Layer norms over the features of rows."""

    def run(signal: Signal, now: Pass) -> Tensor:
        rows = own(signal)
        variance, mean = torch.var_mean(rows, dim=1, correction=0, keepdim=True)
        normed = (rows - mean) * torch.rsqrt(variance + module.eps)
        return normed * now.weights[f"{name}.weight"][:, :, None] + now.weights[f"{name}.bias"][:, :, None]

    return run


def group_norm(name: str, module: nn.GroupNorm) -> Layer:
    """Group norms of maps: one with K times the groups."""

    def run(signal: Signal, now: Pass) -> Tensor:
        weight, bias = now.weights[f"{name}.weight"].reshape(-1), now.weights[f"{name}.bias"].reshape(-1)
        return functional.group_norm(own(signal), now.members * module.num_groups, weight, bias, module.eps)

    return run


def prelu(name: str) -> Layer:
    """Leaky ReLUs of one learnt slope."""

    def run(signal: Signal, now: Pass) -> Tensor:
        values = own(signal)
        slope = per_member(now.weights[f"{name}.weight"][:, 0], values)
        return torch.where(values > 0, values, slope * values)

    return run


def stateless(module: nn.Module) -> Layer:
    """A module without weights that treats every channel by itself, or features in their order."""

    def run(signal: Signal, now: Pass) -> Tensor:
        found = module(own(signal))
        return as_rows(found, now.members) if found.dim() == 2 else found  # a pooling of the whole map makes rows

    return run


def flatten(signal: Signal, now: Pass) -> Signal:
    """Everything of a sample in one row."""
    if isinstance(signal, Inputs):
        return signal.flattened()
    return signal if signal.dim() == 3 else as_rows(signal, now.members)


def scale(factors: Sequence[float]) -> Layer:
    """A factor on the outputs, of each member its own."""

    def run(signal: Signal, now: Pass) -> Tensor:  # noqa: ARG001
        values = own(signal)
        return values * per_member(torch.tensor(factors, device=values.device), values)

    return run


def dropout(number: int, modules: Sequence[ChannelDropout]) -> Layer:
    """Dropouts, each with its own probability, and the masks that it would draw alone.

    Args:
        number: Of the layer among those that draw.
        modules: One a member, all of one class.
    """
    chances = [module.p for module in modules]
    plain = isinstance(modules[0], PlainDropout)
    whole_channels = isinstance(modules[0], ChannelDropout)

    def run(signal: Signal, now: Pass) -> Tensor:
        values = own(signal)
        if not any(chances) or (now.draws is None and not plain):
            return values
        if now.draws is None:
            return values * per_member(1.0 - torch.tensor(chances, device=values.device), values)
        mask = _masks(values, number, chances, now, whole_channels)
        if not plain:
            kept = 1.0 / (1.0 - torch.tensor(chances, device=values.device))
            mask *= kept.view(-1, *[1] * (mask.dim() - 1))
        return values * (mask.transpose(1, 2) if values.dim() == 3 else joined(mask))

    return run


def _masks(values: Tensor, number: int, chances: Sequence[float], now: Pass, whole_channels: bool) -> Tensor:
    """Masks as the members draw them, (K, B, ...); members of one seed, step and probability draw alike."""
    assert now.draws is not None, "masks are drawn in training"
    members = now.members
    shape: tuple[int, ...] = (members, values.shape[-1], values.shape[1])
    if values.dim() == 4:
        sides = (1, 1) if whole_channels else tuple(values.shape[2:])
        shape = (members, len(values), values.shape[1] // members, *sides)
    masks = torch.ones(shape, dtype=values.dtype, device=values.device)
    one = masks[0]
    if one.dim() == 4 and not whole_channels and is_channels_last(values):  # masks are drawn in the order of memory
        one = torch.empty_like(one, memory_format=torch.channels_last)
    drawn: dict[tuple[int, int, float], int] = {}
    for row, (draws, chance) in enumerate(zip(now.draws, chances, strict=True)):
        if chance == 0.0:
            continue
        same = drawn.setdefault((draws.seed, draws.step, chance), row)
        if same != row:
            masks[row] = masks[same]
            continue
        place = masks[row] if one.is_contiguous() else one
        place.bernoulli_(1.0 - chance, generator=draws.generator(number, values.device))
        if place is one:
            masks[row] = one
    return masks
