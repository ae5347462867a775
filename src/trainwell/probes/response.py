"""Response: what other settings of the optimizer and the batch do to the loss after the same number of steps."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.errors import BadValue
from trainwell.probes.contents import axis_of, exchanged, num_samples, tensors
from trainwell.probes.experiment import Batch, Batches, Forward, Loss
from trainwell.probes.paired import Intervention, Paired, paired
from trainwell.probes.program import Program


def rate_times(factor: float) -> Intervention:
    """An intervention that multiplies the rate of every group.

    Args:
        factor: Above 0.
    """

    def change(program: Program) -> str:
        rated = [group for group in program.optimizer.param_groups if "lr" in group]
        if not any(float(group["lr"]) for group in rated):
            return "the optimizer has no rate above 0"
        for group in rated:
            # A rate may be a tensor that the optimizer has got hold of elsewhere: it is exchanged, not written into.
            group["lr"] = group["lr"] * factor
        return ""

    return change


def no_momentum(program: Program) -> str:
    """Take the momentum away: `momentum`, or the first of `betas`, becomes 0."""
    changed = False
    for group in program.optimizer.param_groups:
        if group.get("momentum"):
            group["momentum"], changed = 0.0, True
            if group.get("nesterov"):
                group["nesterov"] = False
        if "betas" in group and group["betas"][0]:
            group["betas"], changed = (0.0, *group["betas"][1:]), True
    return "" if changed else "the optimizer has no momentum"


def clipped(program: Program) -> str:
    """Clip the gradient, as one vector, at the median of its norms in the unchanged training: half the steps."""
    if not program.usual_norm or not program.usual_norm < float("inf"):
        return f"the usual norm of the gradient is {program.usual_norm}"
    program.limit = program.usual_norm
    return ""


def doubled_batch(program: Program) -> str:
    """Join each batch with the next one; as many steps then see twice the samples. An odd one out is left out."""
    if len(program.batches) < 2:
        return "a single batch has nothing to be joined with"
    pairs = zip(program.batches[::2], program.batches[1::2], strict=False)
    try:
        program.batches = [_joined(first, second) for first, second in pairs]
    except BadValue as error:
        return str(error)
    return ""


def halved_batch(program: Program) -> str:
    """Cut each batch in two, trained on one after the other; as many steps then see half the samples."""
    counts = [num_samples(batch) for batch in program.batches]
    if min(counts) < 2:
        return "a batch holds a single sample"
    try:
        halves = [
            _part(batch, count, low, high)
            for batch, count in zip(program.batches, counts, strict=True)
            for low, high in ((0, count // 2), (count // 2, count))
        ]
    except BadValue as error:
        return str(error)
    program.batches = halves
    return ""


RESPONSES: dict[str, Intervention] = {
    "rate_x10": rate_times(10.0),
    "rate_x3": rate_times(3.0),
    "rate_/3": rate_times(1 / 3),
    "rate_/10": rate_times(0.1),
    "no_momentum": no_momentum,
    "clipped": clipped,
    "doubled_batch": doubled_batch,
    "halved_batch": halved_batch,
}


def response(
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    batches: Batches,
    *,
    steps: int = 40,
    repeats: int = 3,
    num_batches: int = 32,
    held: Batch | None = None,
    forward: Forward | None = None,
    seed: int = 0,
) -> Paired:
    """Train copies at other rates, without momentum, with clipping and with other batches, each beside the same as is.

    Args and errors are those of `trainwell.probes.paired.paired`; the interventions are `RESPONSES`.
    """
    return paired(
        model,
        loss,
        optimizer,
        batches,
        RESPONSES,
        steps=steps,
        repeats=repeats,
        num_batches=num_batches,
        held=held,
        forward=forward,
        seed=seed,
    )


def _axis(tensor: Tensor, name: str, count: int) -> int:
    axis = axis_of(tensor, count)
    if axis is None:
        where = f" {name}" if name else ""
        raise BadValue(f"tensor{where} of shape {tuple(tensor.shape)} has no axis of {count} samples")
    return axis


def _part(batch: Batch, count: int, low: int, high: int) -> Batch:
    """Samples low to high of a batch, as views."""
    x, y = (exchanged(part, lambda tensor: tensor.narrow(_axis(tensor, "", count), low, high - low)) for part in batch)
    return x, y


def _joined(first: Batch, second: Batch) -> Batch:
    """Both batches as one."""
    counts = num_samples(first), num_samples(second)
    parts: list[Any] = []
    for one, two in zip(first, second, strict=True):
        others = list(tensors(two))
        if [name for name, _ in tensors(one)] != [name for name, _ in others]:
            raise BadValue("the batches are built differently")
        parts.append(exchanged(one, _joining(iter(others), *counts)))
    return parts[0], parts[1]


def _joining(others: Iterable[tuple[str, Tensor]], count: int, count_of_others: int) -> Callable[[Tensor], Tensor]:
    waiting = iter(others)

    def join(tensor: Tensor) -> Tensor:
        name, other = next(waiting)
        axis = _axis(tensor, name, count)
        alike = other.shape[:axis] + other.shape[axis + 1 :] == tensor.shape[:axis] + tensor.shape[axis + 1 :]
        if axis != axis_of(other, count_of_others) or not alike or other.dtype != tensor.dtype:
            raise BadValue(f"batches of shapes {tuple(tensor.shape)} and {tuple(other.shape)} cannot be joined")
        return torch.cat([tensor, other], dim=axis)

    return join
