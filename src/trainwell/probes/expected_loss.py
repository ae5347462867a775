"""The loss of a model that knows nothing yet, told from the task."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor

from trainwell.errors import BadData, BadValue, UnknownName
from trainwell.probes.experiment import Loss

KNOWN_LOSSES = ("cross_entropy", "bce", "mse", "mae", "huber")


@dataclass(frozen=True)
class Expected:
    """The loss of a model that knows nothing yet.

    Args:
        loss: Its value.
        allowed: How far a healthy start may be from it.
        why: The reason in words.
    """

    loss: float
    allowed: float
    why: str


def expected_initial_loss(
    loss_id: str,
    targets: Any,
    *,
    num_classes: int | None = None,
    smoothing: float = 0.0,
    prior_bias: bool = False,
    delta: float = 1.0,
    tolerance: float = 0.25,
) -> Expected:
    """What a freshly initialised model must lose, told from the kind of loss and the targets of the training split.

    Its output is constant: zero, or, with `prior_bias`, what the last bias carries. With t the target's distribution,

        cross_entropy   -sum_k t_k log(1/C) = log C, whatever t is: imbalance, smoothing and mixing change nothing;
                        prior bias: -(1-s) sum_k p_k log p_k - s/C sum_k log p_k; the entropy of the priors for s = 0
        bce             log 2; prior bias: -m log p - (1-m) log(1-p), m = (1-s)p + s/2, averaged over the outputs
        mse             variance + mean^2; prior bias: the variance
        mae, huber      of the target against 0; prior bias: against its mean

    A layer of outputs with variance v adds about v/2 to the cross entropy and v to the squared error, so `tolerance`
    = 0.25 lets v be about 0.5 and 0.25: a small head, and torch's default, stay under it; He's head does not.

    Args:
        loss_id: One of the above.
        targets: Class numbers (N,), or numbers (N,) or (N, D), as the loss sees them (standardised, if they are).
        num_classes: C, where not all classes occur; for `bce` on class numbers, the number of outputs.
        smoothing: Label smoothing s in [0, 1).
        prior_bias: The last bias carries the class priors, in regression the mean of the target.
        delta: Where `huber` turns from square to line.
        tolerance: Share of the expected loss allowed; of 1, for an expected cross entropy above 1.

    Raises:
        UnknownName: No such loss is known here: use `loss_of_constant`.
        BadValue: `smoothing` outside [0, 1).
        BadData: No targets, targets that do not fit the loss, or an infinite loss (smoothing, and an empty class).

    Reference:
        Karpathy, "A Recipe for Training Neural Networks", 2019, "verify loss @ init".
    """
    if not 0 <= smoothing < 1:
        raise BadValue(f"smoothing={smoothing!r} is not possible: expected a value in [0, 1).")
    y = np.asarray(targets)
    if y.size == 0 or not np.isfinite(y.astype(np.float64)).all():
        raise BadData(f"The initial loss follows from the targets, and these {y.size} are none, or not finite.")
    if loss_id == "cross_entropy":
        return _in_nats(*_cross_entropy(y, num_classes, smoothing, prior_bias), tolerance)
    if loss_id == "bce":
        return _in_nats(*_binary(y, num_classes, smoothing, prior_bias), tolerance)
    values = y.astype(np.float64).reshape(len(y), -1)
    mean = values.mean(axis=0)
    errors = np.abs(values - (mean if prior_bias else 0.0))
    against = "its mean" if prior_bias else "zero"
    if loss_id == "mse":
        loss = float((errors**2).mean())
        why = "the variance of the target" if prior_bias else "variance + mean^2 of the target"
    elif loss_id == "mae":
        loss, why = float(errors.mean()), f"mean distance of the target from {against}"
    elif loss_id == "huber":
        loss = float(np.where(errors <= delta, errors**2 / 2, delta * (errors - delta / 2)).mean())
        why = f"huber loss of the target against {against}"
    else:
        raise UnknownName("loss with a known initial value", loss_id, KNOWN_LOSSES)
    return Expected(loss, tolerance * loss, why)


def loss_of_constant(loss: Loss, output: Tensor, targets: Tensor, *, tolerance: float = 0.25) -> Expected:
    """What any loss gives for an output that is the same for all samples: the expectation for a loss of one's own.

    Args:
        loss: (output, target) -> scalar.
        output: The constant output of one sample, (K,) or (): zeros, or what the last bias carries.
        targets: Targets of the training split, (N, ...).
        tolerance: Share of the expected loss allowed; of 1, for class numbers and an expected loss above 1.
    """
    with torch.no_grad():
        value = float(loss(output.expand(len(targets), *output.shape), targets))
    scale = abs(value) if targets.is_floating_point() else min(1.0, abs(value))
    return Expected(value, tolerance * scale, "the loss of a constant output")


def _in_nats(loss: float, why: str, tolerance: float) -> Expected:
    if not math.isfinite(loss):
        raise BadData("A class has no sample, and smoothing makes the expected loss infinite: leave the class out.")
    return Expected(loss, tolerance * min(1.0, loss), why)


def _cross_entropy(y: Any, num_classes: int | None, smoothing: float, prior_bias: bool) -> tuple[float, str]:
    if y.ndim != 1:
        raise BadData(f"cross_entropy takes class numbers (N,); these targets have shape {y.shape}.")
    counts = np.bincount(_class_numbers(y, num_classes), minlength=num_classes or 0)
    if not prior_bias:
        return math.log(len(counts)), f"log {len(counts)}: all classes equally likely"
    priors = counts / counts.sum()
    meant = (1 - smoothing) * priors + smoothing / len(counts)
    return float(-special.xlogy(meant, priors).sum()), "entropy of the class priors"


def _binary(y: Any, num_classes: int | None, smoothing: float, prior_bias: bool) -> tuple[float, str]:
    if num_classes is not None and y.ndim == 1:
        y = np.eye(num_classes)[_class_numbers(y, num_classes)]
    if y.min() < 0 or y.max() > 1:
        raise BadData(f"bce takes targets in [0, 1]; these reach from {y.min():.4g} to {y.max():.4g}.")
    if not prior_bias:
        return math.log(2), "log 2: yes and no equally likely"
    priors = y.astype(np.float64).reshape(len(y), -1).mean(axis=0)
    meant = (1 - smoothing) * priors + smoothing / 2
    each = -special.xlogy(meant, priors) - special.xlogy(1 - meant, 1 - priors)
    return float(each.mean()), "entropy of the priors, averaged over the outputs"


def _class_numbers(y: Any, num_classes: int | None) -> Any:
    whole = y.astype(np.int64)
    if (whole != y).any() or whole.min() < 0 or (num_classes is not None and whole.max() >= num_classes):
        top = "C-1" if num_classes is None else num_classes - 1
        raise BadData(f"Expected class numbers from 0 to {top}, got values from {y.min():.6g} to {y.max():.6g}.")
    return whole
