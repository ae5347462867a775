"""Overfit a small sample: a model with enough capacity, whose gradients flow, learns a few samples by heart."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.errors import BadValue
from trainwell.probes.experiment import Batch, Forward, Loss, MakeOptimizer, experiment, set_rate
from trainwell.probes.result import Result

_STALL_STEPS = 75
_STALL_GAIN = 0.05


@dataclass(frozen=True, kw_only=True)
class Overfit(Result):
    """Result of `overfit`, of its best attempt.

    Args:
        initial: Loss of the sample before the first step.
        loss: Lowest loss reached.
        goal: Loss that had to be reached.
        accuracy: Share of the samples classified right at the end, where targets are class numbers.
        steps: Steps taken.
        lr: Rate of the attempt.
        attempts: Attempts made.
        losses: Loss before each step.
        no_gradient: Names of trainable parameters whose gradient was missing or zero in every step.
    """

    probe: ClassVar[str] = "overfit"

    initial: float
    loss: float
    goal: float
    accuracy: float | None
    steps: int
    lr: float
    attempts: int
    losses: tuple[float, ...]
    no_gradient: tuple[str, ...]


@dataclass(frozen=True)
class _Attempt:
    reached: bool
    lr: float
    goal: float
    losses: tuple[float, ...]
    accuracy: float | None
    missing: tuple[str, ...]
    zero: tuple[str, ...]
    constant: bool

    @property
    def lowest(self) -> float:
        return min((value for value in self.losses if math.isfinite(value)), default=math.inf)


def adamw(model: nn.Module, lr: float) -> Optimizer:
    """AdamW without decay over the parameters that are not frozen: learns a small sample from almost any start."""
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr, weight_decay=0.0)


def overfit(
    model: nn.Module,
    loss: Loss,
    sample: Batch,
    *,
    make_optimizer: MakeOptimizer = adamw,
    rates: tuple[float, ...] = (3e-3, 3e-4, 3e-2),
    steps: int = 300,
    goal: float | None = None,
    forward: Forward | None = None,
    seed: int = 0,
) -> Overfit:
    """Train a copy on a few samples, all of them in each step, until their loss is almost zero.

    Dropout is off (layers whose class is named so, and stochastic depth; `dropout` attributes of recurrent and
    attention layers), batch norm stays in training mode, weight decay is set to zero. The loss is to be given without
    smoothing and penalties, the sample without mixing.

    Done means: every sample classified right, where the targets are class numbers, and a loss of at most 1 % of where a
    model that knows nothing would be (the initial loss; log C or the loss of the mean target, if that is less), for
    class numbers 0.01 being always enough. Besides, every trainable parameter must have had a gradient.

    Args:
        model: Any module; a copy is trained.
        loss: (output, target) -> scalar.
        sample: (x, y), about 20 samples, of all classes where possible.
        make_optimizer: (model, lr) -> Optimizer.
        rates: Learning rates of the attempts, one after the other until one succeeds.
        steps: Budget of each attempt; one that gains under 5 % in 75 steps is given up.
        goal: Loss to be reached, instead of the one above.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws.

    Raises:
        BadValue: No rates, no steps, a sample that is no pair, or a loss that is no scalar.
    """
    if not rates or steps < 1:
        raise BadValue(f"rates={rates!r}, steps={steps} is not possible: expected at least one of each.")
    if not any(p.requires_grad for p in model.parameters()):
        return _frozen()
    attempts: list[_Attempt] = []
    for lr in rates:
        attempts.append(_attempt(model, loss, sample, make_optimizer, lr, steps, goal, forward, seed))
        if attempts[-1].reached:
            break
    best = min(attempts, key=lambda attempt: (not attempt.reached, attempt.lowest))
    names = best.missing + best.zero
    ok = best.reached and not names
    seen = f"loss {best.losses[0]:.4g} -> {best.lowest:.3g} in {len(best.losses)} steps at rate {best.lr:g}"
    right = "" if best.accuracy is None else f", {best.accuracy:.0%} right"
    silent = f"; no gradient in {_listed(names)}" if names else ""
    return Overfit(
        ok=ok,
        message=f"{seen}{right}, expected at most {best.goal:.3g}{silent}",
        advice="" if ok else _advice(best, sample),
        initial=best.losses[0],
        loss=best.lowest,
        goal=best.goal,
        accuracy=best.accuracy,
        steps=len(best.losses),
        lr=best.lr,
        attempts=len(attempts),
        losses=best.losses,
        no_gradient=names,
    )


def _attempt(
    model: nn.Module,
    loss: Loss,
    sample: Batch,
    make_optimizer: MakeOptimizer,
    lr: float,
    steps: int,
    goal: float | None,
    forward: Forward | None,
    seed: int,
) -> _Attempt:
    with experiment(model, loss, forward, seed) as trial:
        without_dropout(trial.model)
        optimizer = make_optimizer(trial.model, lr)
        set_rate(optimizer, lr)
        for group in optimizer.param_groups:
            group["weight_decay"] = 0.0
        silent = trial.trainable
        missing: set[str] = set()
        losses: list[float] = []
        reached, accuracy, output = False, None, None
        for step in range(steps):
            value, output = trial.train(optimizer, sample, step)
            losses.append(value)
            if not math.isfinite(value):
                break
            missing = {name for name, p in silent.items() if p.grad is None}
            silent = {name: p for name, p in silent.items() if p.grad is None or not p.grad.any()}
            accuracy = _accuracy(output, sample[1])
            if goal is None:
                goal = _goal(trial.criterion, value, output, sample[1])
            reached = value <= goal and accuracy in (None, 1.0)
            if reached or _stalled(losses):
                break
        cut = tuple(name for name in silent if name in missing)
        zero = tuple(name for name in silent if name not in missing)
        return _Attempt(
            reached, lr, math.nan if goal is None else goal, tuple(losses), accuracy, cut, zero, _is_constant(output)
        )


def without_dropout(model: nn.Module) -> None:
    """Switch off every kind of dropout of a model in training mode, and nothing else."""
    for module in model.modules():
        name = type(module).__name__.lower()
        if "drop" in name or "stochasticdepth" in name:
            # The layer alone: what it wraps, batch norm for one, keeps training.
            module.training = False
        if isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0  # type: ignore[assignment]


def _stalled(losses: list[float]) -> bool:
    if len(losses) <= _STALL_STEPS:
        return False
    before, now = min(losses[:-_STALL_STEPS]), min(losses)
    return before - now < _STALL_GAIN * abs(before)


def _class_numbers(output: Any, y: Any) -> bool:
    if not isinstance(output, Tensor) or not isinstance(y, Tensor) or y.is_floating_point():
        return False
    return output.ndim == y.ndim + 1 and output.shape[1] > 1 and output[:, 0].shape == y.shape


def _accuracy(output: Any, y: Any) -> float | None:
    return (output.argmax(1) == y).float().mean().item() if _class_numbers(output, y) else None


def _goal(loss: Loss, initial: float, output: Any, y: Any) -> float:
    if _class_numbers(output, y):
        return max(0.01, 0.01 * min(initial, math.log(output.shape[1])))
    if not isinstance(output, Tensor) or not isinstance(y, Tensor) or not y.is_floating_point():
        return 0.01 * initial
    if y.numel() == output.numel():
        with torch.no_grad():
            blind = float(loss(y.mean(0).expand_as(y).reshape(output.shape), y))
        if 0 < blind < initial:
            initial = blind
    return 0.01 * initial


def _is_constant(output: Any) -> bool:
    if not isinstance(output, Tensor) or output.ndim == 0 or len(output) < 2:
        return False
    return bool(torch.allclose(output, output[:1].expand_as(output), rtol=1e-4, atol=1e-7))


def _contradictions(sample: Batch) -> int:
    x, y = sample
    if not isinstance(x, Tensor) or not isinstance(y, Tensor) or len(x) != len(y):
        return 0
    inputs = torch.unique(x.reshape(len(x), -1), dim=0, return_inverse=True)[1]
    pairs = torch.cat([inputs[:, None].double(), y.reshape(len(y), -1).double()], dim=1)
    return len(torch.unique(pairs, dim=0)) - int(inputs.max()) - 1


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _advice(best: _Attempt, sample: Batch) -> str:
    if not math.isfinite(best.losses[0]):
        return "The loss is not finite before the first step: look at the inputs, the initialisation and the loss."
    if not math.isfinite(best.losses[-1]) and not best.reached:
        return (
            f"The loss became {best.losses[-1]} at every rate that was tried: look for a division, root or logarithm "
            "that meets 0, inputs that are not standardised, or too large an initialisation."
        )
    if best.missing:
        return (
            f"The loss does not reach {_listed(best.missing)}: a `detach`, `.data`, `no_grad`, `argmax` or numpy call "
            "cuts the graph, or the parameter is not used. Mend it, or freeze what is meant to stay."
        )
    if best.zero:
        return (
            f"Every gradient of {_listed(best.zero)} is zero: weights initialised with zeros, units that are dead or "
            "saturated for all samples, or an output multiplied by 0. Initialise by the activation."
        )
    if best.constant:
        return (
            "The output is the same for all samples: the input does not get through. Look for dead or saturated units, "
            "an initialisation with zeros or too small, and a forward pass that ignores its input."
        )
    contradictions = _contradictions(sample)
    if contradictions:
        return f"{contradictions} of the samples have an input that also comes with another target: look at the labels."
    if best.accuracy == 1.0:
        return (
            "All samples are right, yet the loss stays above zero: softmax or sigmoid applied before a loss that "
            "applies it itself, label smoothing or a penalty within the loss, or outputs that are bounded."
        )
    if best.accuracy is None and best.goal < 1e-3 * best.losses[0]:
        return (
            "The outputs start far from the targets: standardise the targets, or give the last bias their mean. "
            "If the loss then stays above zero, there are too few parameters, or the output is bounded."
        )
    if best.lowest > 0.9 * best.losses[0]:
        return (
            "The loss hardly moves: the gradients do not get through (depth, saturation, initialisation), the target "
            "does not belong to the input, or the loss does not measure what is to be learnt."
        )
    return (
        "The loss falls and stays above zero: too few parameters, outputs that cannot reach the targets (a bounded "
        "last activation), softmax applied twice, targets out of order, or noise in the forward pass."
    )


def _frozen() -> Overfit:
    return Overfit(
        ok=False,
        message="no parameter is trainable",
        advice="All parameters are frozen or there are none: set requires_grad on what is to be trained.",
        initial=math.nan,
        loss=math.nan,
        goal=math.nan,
        accuracy=None,
        steps=0,
        lr=math.nan,
        attempts=0,
        losses=(),
        no_gradient=(),
    )
