"""Pairing: do output, target and loss belong together? Shapes, types, ranges, and what the loss prefers."""

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.probes.experiment import Loss
from trainwell.probes.state import untouched
from trainwell.probes.targets import IGNORED, Kind, kind_of

_ORDERS = 8  # in which the outputs are given to the wrong targets
_SUM = 1e-3  # by which probabilities of a sample may miss a sum of 1, for half precision

OutputKind = Literal["probabilities", "log_probabilities", "unit", "non_negative", "negative", "real"]


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Result of `pairing`.

    Args:
        output_shape: Shape of the output.
        target_shape: Shape of the target.
        output_dtype: Type of the output, as torch calls it.
        target_dtype: Type of the target.
        width: Outputs of a sample along axis 1; 1 where there is no such axis.
        broadcast: Shape that both take when an operation by elements meets them; None where it cannot, or they have the
            same shape.
        blowup: Elements of that shape over those of the target: N for (N, 1) against (N,), 1 where none arises.
        target_kind: What the targets are by their looks; see `trainwell.probes.targets.Target`.
        output_kind: What the outputs are by theirs: `probabilities`: in [0, 1] and summing to 1 along axis 1;
            `log_probabilities`: logarithms of such; `unit`: all in [0, 1]; `non_negative`; `negative`: none above 0;
            `real`: anything else.
        output_low: Smallest finite output; None where there is none.
        output_high: Largest finite output.
        outside: Share of the targets that are no number from 0 to `width` - 1; None where they are no whole numbers.
        unused: How many of these numbers no target names; None likewise.
        ignored: Share of the targets that are -100, which torch's losses pass over.
        right: Loss of outputs that say what the targets say: the targets themselves, or one-hot rows of class numbers.
            None where no such output can be made, and where the loss fails or is not finite.
        wrong: Mean loss of the same outputs given to the targets of other samples.
        favour: (wrong - right) over the larger one of both in size, [-2, 2]: above 0 where the loss prefers right
            outputs, 0 where it does not see which target belongs to which output, below 0 where it prefers wrong ones.
            None where all targets are equal, too.
        doubled: Loss of the batch taken twice over that of the batch, with the outputs as they are: 1 for a mean, 2 for
            a sum. None where the loss fails, is 0 or not finite.
        failure: What the loss raised at first, or what it gave that is no scalar; empty if all went well.
    """

    output_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    output_dtype: str
    target_dtype: str
    width: int
    broadcast: tuple[int, ...] | None
    blowup: float
    target_kind: Kind
    output_kind: OutputKind
    output_low: float | None
    output_high: float | None
    outside: float | None
    unused: int | None
    ignored: float
    right: float | None
    wrong: float | None
    favour: float | None
    doubled: float | None
    failure: str


def pairing(output: Tensor, target: Tensor, loss: Loss, *, seed: int = 0) -> Pairing:
    """Look at the output and the target of one batch, and ask the loss about outputs made up from the targets.

    Args:
        output: What the network gives for the batch, (N, ...).
        target: Its targets, (N, ...); many samples show more of the classes.
        loss: (output, target) -> scalar. A module is copied first.
        seed: Seed of the orders, and of what the loss draws.

    Raises:
        BadValue: One of both is no tensor with an axis of samples, or they have different numbers of samples.
    """
    for name, value in (("output", output), ("target", target)):
        if not isinstance(value, Tensor) or value.ndim == 0 or not len(value):
            raise BadValue(
                f"Expected the {name} as a tensor of samples, (N, ...), got {type(value).__name__}. Pick one."
            )
    if len(output) != len(target):
        raise BadValue(f"{len(output)} outputs and {len(target)} targets do not belong together: expected as many.")
    output, target = output.detach(), target.detach()
    width = output.shape[1] if output.ndim > 1 else 1
    ignored = (target == IGNORED) & (not target.is_floating_point())
    used = target[~ignored].double()
    whole = len(used) > 0 and bool((used == used.round()).all())
    inside = (used >= 0) & (used < width)
    shape = _broadcast(output.shape, target.shape)
    finite = output[output.isfinite()].double()
    complete = target.double().isfinite().all()
    right, wrong, doubled, failure = _asked(output, target, loss, seed)
    size = max(abs(right or 0.0), abs(wrong or 0.0))
    return Pairing(
        output_shape=tuple(output.shape),
        target_shape=tuple(target.shape),
        output_dtype=str(output.dtype).removeprefix("torch."),
        target_dtype=str(target.dtype).removeprefix("torch."),
        width=width,
        broadcast=shape,
        blowup=math.prod(shape) / target.numel() if shape else 1.0,
        target_kind=kind_of(target.where(~ignored, 0)) if complete else "real",
        output_kind=_output_kind(output.double()),
        output_low=float(finite.min()) if len(finite) else None,
        output_high=float(finite.max()) if len(finite) else None,
        outside=float((~inside).double().mean()) if whole else None,
        unused=width - len(torch.unique(used[inside])) if whole else None,
        ignored=float(ignored.double().mean()),
        right=right,
        wrong=wrong,
        favour=(wrong - right) / (size or 1.0) if right is not None and wrong is not None else None,
        doubled=doubled,
        failure=failure,
    )


def _broadcast(output: torch.Size, target: torch.Size) -> tuple[int, ...] | None:
    try:
        shape = torch.broadcast_shapes(output, target)
    except RuntimeError:
        return None
    return None if output == target else tuple(shape)


def _output_kind(output: Tensor) -> OutputKind:
    if not output.isfinite().all():
        return "real"
    unit = bool(((output >= 0) & (output <= 1)).all())
    if output.ndim > 1 and output.shape[1] > 1:
        if unit and bool(((output.sum(dim=1) - 1).abs() <= _SUM).all()):
            return "probabilities"
        if bool(((output.exp().sum(dim=1) - 1).abs() <= _SUM).all()):
            return "log_probabilities"
    if unit:
        return "unit"
    if bool((output >= 0).all()):
        return "non_negative"
    return "negative" if bool((output <= 0).all()) else "real"


def _made(output: Tensor, target: Tensor) -> Tensor | None:
    """An output of the same shape that says what the target says; None where that is not known."""
    if target.numel() == output.numel():
        return target.to(output.dtype).reshape(output.shape)
    numbers = not target.is_floating_point() and output.ndim == target.ndim + 1 and output[:, 0].shape == target.shape
    if not numbers:
        return None
    width = output.shape[1]
    known = target.long().clamp(0, width - 1)
    return nn.functional.one_hot(known, width).movedim(-1, 1).to(output.dtype)


def _asked(
    output: Tensor, target: Tensor, loss: Loss, seed: int
) -> tuple[float | None, float | None, float | None, str]:
    """Loss of right outputs, of wrong ones, the factor of a doubled batch, and what went wrong."""
    made = _made(output, target)
    module = loss if isinstance(loss, nn.Module) else None
    right = wrong = doubled = None
    failures: list[str] = []
    with torch.no_grad(), untouched(module, seed=seed) as copies, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what there is to be said of shapes, the result says
        criterion = loss if module is None else copies[0]
        if made is not None:
            draws = torch.Generator().manual_seed(seed)
            orders = [torch.randperm(len(made), generator=draws).to(made.device) for _ in range(_ORDERS)]
            right = _ask(criterion, made, target, failures)
            if not bool((made == made[:1]).all()):
                each = [_ask(criterion, made[order], target, failures) for order in orders]
                known = [value for value in each if value is not None]
                wrong = sum(known) / len(orders) if len(known) == len(orders) else None
        once = _ask(criterion, output, target, failures)
        twice = _ask(criterion, torch.cat([output, output]), torch.cat([target, target]), failures)
    if once and twice is not None:
        doubled = twice / once
    return right, wrong, doubled, failures[0] if failures else ""


def _ask(criterion: Loss, output: Tensor, target: Tensor, failures: list[str]) -> float | None:
    """The loss; None where it is not finite, or fails, which is written down."""
    try:
        value = criterion(output.clone(), target.clone())
    except Exception as error:
        failures.append(f"{type(error).__name__}: {error}")
        return None
    if not isinstance(value, Tensor) or value.numel() != 1:
        came = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        failures.append(f"The loss gave {came}; expected a scalar tensor.")
        return None
    return value.item() if math.isfinite(value.item()) else None
