"""Leakage: does the output of one sample depend on another sample of its batch?

It must not, in evaluation mode: a prediction would depend on its company. In training mode batch norm makes it so by
design, and nothing else should. What is found otherwise comes from a softmax or a mean over the axis of the samples, a
reshape that mixes them, a recurrent layer that takes the samples for time steps, or a batch norm written by hand.
"""

import contextlib
import functools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.probes.contents import axis_of, digests, exchanged, fresh, num_samples, pair, rows, tensors
from trainwell.probes.experiment import Batch, Forward
from trainwell.probes.held_statistics import HeldStatistics
from trainwell.probes.passes import Passes, passes

_ROUNDING = 64.0  # units in the last place by which an equal number may differ; rows apart agree to the bit as a rule


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far one sample reaches into the outputs of the others, in one mode.

    Args:
        pairs: Share of ordered pairs of samples where a change of the one changes the output of the other, [0, 1].
        later: The same share among those where the other one stands behind in the batch.
        earlier: The same share among those where it stands before; a recurrent layer that runs over the samples
            reaches the later ones only.
        strength: Root mean square of the change of others over that of the changed sample's own output; None where its
            own does not change. 1 / (N - 1) for a mean over the batch that is subtracted is typical.
        own: Root mean square of the change of its own output, over that of the outputs.
        gradient_pairs: Share of ordered pairs with a gradient of the one's output with respect to the other's input;
            None where the inputs are whole numbers, or no gradient comes back, or one that is not finite.
        gradient: Root mean square of the gradients that cross samples over that of those that do not; None likewise,
            and where the latter are 0.
        noise: Largest difference between two equal passes over the largest output; it is 0 for most networks, and
            changes no larger than that do not count.
    """

    pairs: float
    later: float
    earlier: float
    strength: float | None
    own: float
    gradient_pairs: float | None
    gradient: float | None
    noise: float


@dataclass(frozen=True, kw_only=True)
class Leakage:
    """Result of `leakage`.

    Args:
        num_samples: Samples in the batch.
        num_changed: Samples that were changed, one after the other.
        evaluation: In evaluation mode.
        training: In training mode, with the statistics of every batch norm held: what batch norm does not explain.
        with_batch_norm: In training mode as it is; equal to `training` where no batch norm ran.
        num_batch_norms: Batch norms that normalise by the batch, those written by hand left aside.
        unseen: What could not be looked at, in words; the figures are None where nothing could.
    """

    num_samples: int
    num_changed: int
    evaluation: Reach | None
    training: Reach | None
    with_batch_norm: Reach | None
    num_batch_norms: int
    unseen: tuple[str, ...]


def leakage(
    model: nn.Module, sample: Batch, *, num_changed: int = 8, forward: Forward | None = None, seed: int = 0
) -> Leakage:
    """Exchange one sample of a batch for another one of it, and look at the outputs of all the others.

    The axis of the samples is, in every input and output, the first that is as long as the batch; where another axis
    has the same length by chance, choose another batch size. Costs `num_changed` + 2 forward passes, one of them with
    `num_changed` backward passes, for each mode.

    Args:
        model: Any module; a copy is looked at.
        sample: (x, y), 2 samples or more; some 8 will do.
        num_changed: Samples changed one after the other, spread over the batch; all of them if there are no more.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws, and of the direction in which outputs are differentiated.

    Raises:
        BadValue: `num_changed` under 1, a batch that is no pair or holds fewer than 2 samples, or a network that fails.
    """
    count = num_samples(sample)
    if num_changed < 1 or count < 2:
        raise BadValue(
            f"num_changed={num_changed} of {count} samples is not possible: expected 1 or more, of 2 or more."
        )
    x = fresh(pair(sample)[0])
    unseen = [
        f"input {name or 'x'}: shape {tuple(tensor.shape)} has no axis of {count} samples"
        for name, tensor in tensors(x)
        if axis_of(tensor, count) is None
    ]
    partners = _partners(x, count, num_changed)
    if not partners:
        seen = any(axis_of(tensor, count) is not None for _, tensor in tensors(x))
        why = "all samples of the batch are the same" if seen else f"{type(x).__name__} shows no tensor of samples"
        unseen.append(f"input: {why}, none can be exchanged")
    evaluation = training = with_batch_norm = None
    held = HeldStatistics()
    if partners:
        with passes(model, forward, seed) as run:
            look = functools.partial(_reach, run, x, count, partners, seed)
            evaluation, unseen_in_evaluation = look(training=False, held=None)
            training, unseen_in_training = look(training=True, held=held)
            with_batch_norm = look(training=True, held=None)[0] if held.num_held else training
        unseen += unseen_in_evaluation + unseen_in_training
    return Leakage(
        num_samples=count,
        num_changed=len(partners),
        evaluation=evaluation,
        training=training,
        with_batch_norm=with_batch_norm,
        num_batch_norms=held.num_held,
        unseen=tuple(dict.fromkeys(unseen)),
    )


def _partners(x: Any, count: int, num_changed: int) -> list[tuple[int, int]]:
    """Samples to change, and for each the next one in the batch that differs from it."""
    kinds = digests(x, count)
    chosen = torch.linspace(0, count - 1, min(num_changed, count)).round().long().tolist()
    found = []
    for one in chosen:
        others = [(one + step) % count for step in range(1, count)]
        partner = next((other for other in others if kinds[one] != kinds[other]), None)
        if partner is not None:
            found.append((one, partner))
    return found


def _reach(
    run: Passes,
    x: Any,
    count: int,
    partners: list[tuple[int, int]],
    seed: int,
    *,
    training: bool,
    held: HeldStatistics | None,
) -> tuple[Reach | None, list[str]]:
    """The figures of one mode, and what could not be seen."""

    def look(value: Any) -> Any:
        with held or contextlib.nullcontext():
            return run.look(value, training=training)

    mode = "training" if training else "evaluation"
    output = look(x)
    before, unseen = rows(output, count)
    if before is None:
        return None, unseen
    if not before.isfinite().all():
        return None, [*unseen, f"outputs in {mode} mode are not finite"]
    size = float(before.abs().max())
    noise = float(_change(look(x), before).max())
    changes = torch.stack([_change(look(_exchange(x, one, other, count)), before) for one, other in partners])
    own, across, later = _apart(changes, [one for one, _ in partners])
    touched = across > _ROUNDING * _precision(output) * size + 2 * noise
    gradients = None
    try:
        gradients = _gradients(run, x, count, [one for one, _ in partners], seed, training=training, held=held)
    except RuntimeError as error:
        unseen.append(f"gradients in {mode} mode: {error}")
    return Reach(
        pairs=_share(touched),
        later=_share(touched[later]),
        earlier=_share(touched[~later]),
        strength=_ratio(across.where(touched, 0.0), own),
        own=_ratio(own, before) or 0.0,
        gradient_pairs=None if gradients is None else _share(gradients[1] > 0),
        gradient=None if gradients is None else _ratio(gradients[1], gradients[0]),
        noise=noise / size if size else 0.0,
    ), unseen


def _exchange(x: Any, one: int, other: int, count: int) -> Any:
    def change(tensor: Tensor) -> Tensor:
        axis = axis_of(tensor, count)
        changed = tensor.clone()
        if axis is not None:
            changed.select(axis, one).copy_(tensor.select(axis, other))
        return changed

    return exchanged(x, change)


def _change(output: Any, before: Tensor) -> Tensor:
    """Root mean square of the change of each sample's output, (N,); infinite where it is no longer finite."""
    after, _ = rows(output, len(before))
    if after is None or after.shape != before.shape:
        return torch.full((len(before),), torch.inf, dtype=before.dtype)
    return (after - before).square().mean(dim=1).sqrt().nan_to_num(nan=torch.inf)


def _precision(output: Any) -> float:
    """Spacing of the coarsest floating-point numbers in it, relative to their size; of float32 at least."""
    found = [torch.finfo(tensor.dtype).eps for _, tensor in tensors(output) if tensor.is_floating_point()]
    return max([*found, torch.finfo(torch.float32).eps])


def _apart(values: Tensor, chosen: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Values of a sample with itself, (M,); with the others, (M (N-1),); and which of these stand behind it."""
    index = torch.arange(values.shape[1])
    of = torch.tensor(chosen)[:, None]
    return values[index == of], values[index != of], (index > of)[index != of]


def _gradients(
    run: Passes, x: Any, count: int, chosen: list[int], seed: int, *, training: bool, held: HeldStatistics | None
) -> tuple[Tensor, Tensor] | None:
    """Gradient norms of outputs with respect to their own input, (M,), and to the others', (M (N-1),)."""
    leaves: list[Tensor] = []

    def leaf(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point() or axis_of(tensor, count) is None:
            return tensor.clone()
        leaves.append(tensor.clone().requires_grad_())
        # A layer that works in place may not do so on a leaf.
        return leaves[-1].clone()

    # The recurrent layers of cuDNN have no backward pass in evaluation mode.
    with torch.backends.cudnn.flags(enabled=False), held or contextlib.nullcontext():
        output, _ = rows(run(exchanged(x, leaf), training=training), count)
    if output is None or not output.requires_grad or not leaves:
        return None
    # A direction drawn at random: probabilities that sum to 1 have no gradient along (1, ..., 1).
    draws = torch.Generator().manual_seed(seed)
    heights = output @ torch.randn(output.shape[1], generator=draws, dtype=output.dtype)
    with torch.backends.cudnn.flags(enabled=False):
        found = [torch.autograd.grad(heights[i], leaves, retain_graph=True, allow_unused=True) for i in chosen]
    norms = torch.stack([_norms(gradients, leaves, count) for gradients in found])
    if not norms.any() or not norms.isfinite().all():
        return None
    own, across, _ = _apart(norms, chosen)
    return own, across.where(across > _ROUNDING * _precision(leaves) * norms.max(), 0.0)


def _norms(gradients: tuple[Tensor | None, ...], leaves: list[Tensor], count: int) -> Tensor:
    """Norm of the gradients by sample, over all inputs taken together, (N,) float64."""
    squares = torch.zeros(count, dtype=torch.float64)
    for gradient, leaf in zip(gradients, leaves, strict=True):
        axis = axis_of(leaf, count)
        if gradient is not None and axis is not None:
            squares += gradient.cpu().double().movedim(axis, 0).reshape(count, -1).square().sum(dim=1)
    return squares.sqrt()


def _share(where: Tensor) -> float:
    return float(where.double().mean()) if where.numel() else 0.0


def _ratio(values: Tensor, to: Tensor) -> float | None:
    """Ratio of the root mean squares; None where the second is 0, or one is not finite."""
    above, below = (float(each.square().mean().sqrt()) for each in (values, to))
    return above / below if below and math.isfinite(above) and math.isfinite(below) else None
