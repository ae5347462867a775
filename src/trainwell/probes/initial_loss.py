"""The loss before training, against what the task implies."""

import math
import statistics
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.probes.expected_loss import Expected
from trainwell.probes.experiment import Batches, Forward, Loss, experiment
from trainwell.probes.result import Result


@dataclass(frozen=True, kw_only=True)
class InitialLoss(Result):
    """Result of `initial_loss`.

    Args:
        loss: Mean over the batches.
        spread: Standard deviation over the batches; 0 for a single one.
        expected: What the task implies.
        allowed: How far `loss` may be from `expected`.
        num_batches: Number of batches measured.
        output_spread: Standard deviation of all outputs; None where the output is no tensor.
        input_largest: Largest absolute input; None where the input is no tensor of numbers.
    """

    probe: ClassVar[str] = "initial_loss"

    loss: float
    spread: float
    expected: float
    allowed: float
    num_batches: int
    output_spread: float | None
    input_largest: float | None


def initial_loss(
    model: nn.Module,
    loss: Loss,
    batches: Batches,
    *,
    expected: Expected,
    num_batches: int = 4,
    forward: Forward | None = None,
    seed: int = 0,
) -> InitialLoss:
    """Measure the loss before training, in training mode, and compare it with what the task implies.

    In training mode, because that is what the first step sees: batch norm has no running statistics worth the name yet.
    The loss is to be given without penalties. Healthy is a mean within `expected.allowed`, or within four standard
    errors where batches differ so much that the mean is not known better.

    Args:
        model: Any module; a copy is measured.
        loss: (output, target) -> scalar.
        batches: step -> (x, y).
        expected: See `expected_initial_loss`.
        num_batches: How many batches are measured, 1 or more.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws.

    Raises:
        BadValue: `num_batches` under 1, a batch that is no pair, or a loss that is no scalar.
    """
    if num_batches < 1:
        raise BadValue(f"num_batches={num_batches} is not possible: expected 1 or more.")
    losses, outputs, largest = [], [], []
    with experiment(model, loss, forward, seed) as trial, torch.no_grad():
        for step in range(num_batches):
            batch = batches(step)
            value, output = trial.loss(batch, step)
            losses.append(value.item())
            if isinstance(output, Tensor):
                outputs.append(output.float().std(correction=0).item())
            if isinstance(batch[0], Tensor) and batch[0].numel():
                largest.append(batch[0].float().abs().max().item())
    mean = statistics.fmean(losses)
    finite = math.isfinite(mean)
    spread = statistics.stdev(losses) if finite and num_batches > 1 else 0.0
    allowed = max(expected.allowed, 4 * spread / math.sqrt(num_batches))
    ok = finite and abs(mean - expected.loss) <= allowed
    return InitialLoss(
        ok=ok,
        message=f"loss {mean:.4g} before training, expected {expected.loss:.4g} +- {allowed:.2g} ({expected.why})",
        advice="" if ok else _advice(mean, expected.loss, max(largest, default=None)),
        loss=mean,
        spread=spread,
        expected=expected.loss,
        allowed=allowed,
        num_batches=num_batches,
        output_spread=statistics.fmean(outputs) if outputs else None,
        input_largest=max(largest, default=None),
    )


def _advice(seen: float, expected: float, largest: float | None) -> str:
    if largest is not None and not math.isfinite(largest):
        return "The input holds NaN or infinite values: look at the data and the preprocessing."
    if seen < expected:
        return (
            "Lower than knowing nothing allows: the model is trained already, the input holds the answer (a leak), "
            "or the loss is averaged or weighted otherwise than its name says."
        )
    if largest is not None and largest > 10:
        return f"Inputs reach {largest:.4g}: standardise them. If they are meant so, initialise the last layer smaller."
    if not math.isfinite(seen):
        return (
            "The forward pass or the loss overflows: look for too large an initialisation, a logarithm or a root of 0, "
            "a division by 0, and, in half precision, values above 65504."
        )
    return (
        "The outputs are large before anything was learnt: initialise the last layer small (and its bias with zeros, "
        "the priors or the mean of the target). If they are small, the loss is summed instead of averaged."
    )
