"""Step change: what the user's own optimizer, in the state it is in, does to the weights in a few steps."""

import inspect
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.errors import BadValue
from trainwell.probes.copies import Carried
from trainwell.probes.experiment import Batch, Experiment, Forward, Loss, call
from trainwell.probes.overfit import without_dropout
from trainwell.probes.state import untouched


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of one parameter.

    Args:
        name: Dotted name.
        trainable: Whether it is not frozen.
        held: How many times the optimizer holds it.
        norm: ||w|| before.
        gradient: ||g|| before the first step; None where none came, NaN where it is not finite.
        first: ||dw|| / ||w|| of the first step; None where ||w|| is 0.
        all: The same of all steps together.
        changed: Share of its numbers that the first step changed: an update can be less than rounding.
        moved: Whether any of its numbers is another one after all steps.
        drift: ||w|| after all steps over ||w|| before; None where that was 0.
    """

    name: str
    trainable: bool
    held: int
    norm: float
    gradient: float | None
    first: float | None
    all: float | None
    changed: float
    moved: bool
    drift: float | None


@dataclass(frozen=True, kw_only=True)
class StepChange:
    """Result of `step_change`.

    Args:
        losses: Of the batch: before the first step, and after each step; (steps + 1,).
        fell: Whether the last of them is under the first.
        agreement: Change of the loss in the first step over g . dw, which the gradient promised: 1 for small steps,
            under 0 where the step overshoots so that the loss rises. None where 0 was promised, or what is not finite.
        descends: -g . dw / (||g|| ||dw||) of the first step: 1 along the gradient, under 0 against it. None where one
            of them is 0 or not finite.
        first: ||dw|| / ||w|| of all trainable parameters together, in the first step; None where ||w|| is 0.
        drift: ||w|| of all trainable parameters together, after all steps over before; None where that was 0.
        changes: All parameters, in the order the model holds them; tied ones once.
        not_held: Trainable parameters that the optimizer does not hold.
        frozen: Frozen parameters.
        no_gradient: Trainable parameters without a gradient.
        zero_gradient: Trainable parameters whose gradient is exactly 0.
        unmoved: Trainable parameters that are held and yet the same after all steps.
        of_loss: Tensors that the optimizer holds and that are the loss's.
        foreign: Shapes of the tensors that it holds and that are neither the model's nor the loss's: of another model,
            or of this one as it was before something replaced its parameters.
    """

    losses: tuple[float, ...]
    fell: bool
    agreement: float | None
    descends: float | None
    first: float | None
    drift: float | None
    changes: tuple[Change, ...]
    not_held: tuple[str, ...]
    frozen: tuple[str, ...]
    no_gradient: tuple[str, ...]
    zero_gradient: tuple[str, ...]
    unmoved: tuple[str, ...]
    of_loss: int
    foreign: tuple[tuple[int, ...], ...]


def step_change(
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    sample: Batch,
    *,
    steps: int = 5,
    forward: Forward | None = None,
    seed: int = 0,
) -> StepChange:
    """Take a few steps on one batch, with copies of the model and of the optimizer, state and all.

    The model is in training mode, and no layer drops (`F.dropout` does), so that the losses can be compared. Gradients
    are neither scaled nor clipped, schedulers do not run, and hooks of the optimizer are left out. Optimizers that want
    a closure (LBFGS, SAM) are given one.

    Args:
        model: Any module; a copy is trained.
        loss: (output, target) -> scalar.
        optimizer: The user's; a copy of it takes the steps.
        sample: (x, y), a batch as in training.
        steps: How many steps, 1 or more.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws.

    Raises:
        BadValue: No steps, an optimizer that is none, or something that cannot be copied.
    """
    if steps < 1:
        raise BadValue(f"steps={steps} is not possible: expected 1 or more.")
    if not isinstance(optimizer, Optimizer):
        raise BadValue(
            f"Expected a torch.optim.Optimizer, got {type(optimizer).__name__}. Derive your own from that class."
        )
    plain = getattr(model, "_orig_mod", model)
    module = loss if isinstance(loss, nn.Module) else None
    # As `experiment` does, with an optimizer that shares its tensors with the model.
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        untouched(plain, module, Carried(optimizer), seed=seed) as (copied, criterion, held),
    ):
        trial = Experiment(copied, loss if module is None else criterion, forward or call)
        without_dropout(trial.model)
        return _run(trial, held, criterion, sample, steps)


def _run(trial: Experiment, optimizer: Optimizer, criterion: nn.Module | None, sample: Batch, steps: int) -> StepChange:
    named = dict(trial.model.named_parameters())
    before = after_first = _snapshot(named)
    gradients: dict[str, Tensor | None] = {}
    losses = []
    for step in range(steps):
        losses.append(float(_backward(trial, optimizer, sample)))
        if step == 0:
            gradients = {name: None if p.grad is None else _dense(p.grad) for name, p in named.items()}
        _step(trial, optimizer, sample)
        if step == 0:
            after_first = _snapshot(named)
    with torch.no_grad():
        losses.append(float(trial.loss(sample, 0)[0]))
    now = _snapshot(named)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    changes = tuple(
        _change(name, p, held.count(id(p)), gradients[name], before[name], after_first[name], now[name])
        for name, p in named.items()
    )
    learnt = [name for name, p in named.items() if p.requires_grad]
    promised = sum(float((g * (after_first[n] - before[n])).sum()) for n, g in gradients.items() if g is not None)
    steepness = _norm([g for g in gradients.values() if g is not None])
    length = _norm([after_first[name] - before[name] for name in named])
    start = _norm([before[name] for name in learnt])
    own = {id(p) for p in named.values()}
    of_loss = {id(p) for p in criterion.parameters()} - own if criterion is not None else set()
    others = [p for group in optimizer.param_groups for p in group["params"] if id(p) not in own | of_loss]
    moves = [c for c in changes if c.trainable]
    return StepChange(
        losses=tuple(losses),
        fell=losses[-1] < losses[0],
        agreement=_ratio(losses[1] - losses[0], promised),
        descends=_ratio(-promised, steepness * length),
        first=_ratio(_norm([after_first[name] - before[name] for name in learnt]), start),
        drift=_ratio(_norm([now[name] for name in learnt]), start),
        changes=changes,
        not_held=tuple(c.name for c in moves if not c.held),
        frozen=tuple(c.name for c in changes if not c.trainable),
        no_gradient=tuple(c.name for c in moves if c.gradient is None),
        zero_gradient=tuple(c.name for c in moves if c.gradient == 0.0),
        unmoved=tuple(c.name for c in moves if c.held and not c.moved),
        of_loss=sum(key in of_loss for key in held),
        foreign=tuple(tuple(p.shape) for p in others),
    )


def _backward(trial: Experiment, optimizer: Optimizer, sample: Batch) -> Tensor:
    optimizer.zero_grad(set_to_none=True)
    value = trial.loss(sample, 0)[0]
    if value.requires_grad:
        value.backward()
    return value.detach()


def _step(trial: Experiment, optimizer: Optimizer, sample: Batch) -> None:
    """A step, with the gradients in place: some optimizers take a closure and do not call it."""

    def closure() -> Tensor:
        with torch.enable_grad():
            return _backward(trial, optimizer, sample)

    takes = list(inspect.signature(optimizer.step).parameters.values())
    if any(p.name == "closure" or (p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD) for p in takes):
        optimizer.step(closure)  # type: ignore[arg-type]
    else:
        optimizer.step()


def _change(
    name: str, p: nn.Parameter, held: int, gradient: Tensor | None, before: Tensor, first: Tensor, now: Tensor
) -> Change:
    norm = _norm([before])
    return Change(
        name=name,
        trainable=p.requires_grad,
        held=held,
        norm=norm,
        gradient=None if gradient is None else _norm([gradient]),
        first=_ratio(_norm([first - before]), norm),
        all=_ratio(_norm([now - before]), norm),
        changed=float((first != before).double().mean()) if p.numel() else 0.0,
        moved=not torch.equal(now, before),
        drift=_ratio(_norm([now]), norm),
    )


def _snapshot(named: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    return {name: p.detach().double().clone() for name, p in named.items()}


def _dense(gradient: Tensor) -> Tensor:
    return (gradient.to_dense() if gradient.is_sparse else gradient).detach().double().clone()


def _norm(values: list[Tensor]) -> float:
    return math.sqrt(sum(float(value.square().sum()) for value in values))


def _ratio(one: float, other: float) -> float | None:
    return one / other if other and math.isfinite(one / other) else None
