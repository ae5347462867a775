"""Paired trainings: the same short training with and without a change, on the same batches and draws.

What chance does falls on both alike, so that the difference shows the change alone.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from trainwell import draws
from trainwell.errors import BadValue
from trainwell.probes.contents import take
from trainwell.probes.experiment import Batch, Batches, Forward, Loss
from trainwell.probes.program import Program, program

Intervention = Callable[[Program], str]
"""Changes a program in place and gives an empty text; or changes nothing and says why it cannot be done."""

_TAIL = 5  # the last fifth of the steps is where a training ends
_REACHES = "the loss reaches for the model by itself: what it adds there does not follow the copy"
_LOOKS = 8  # at the held batch on the way, besides the one before the first step


@dataclass(frozen=True, kw_only=True)
class Run:
    """One short training.

    Args:
        losses: Loss of the batch before each step; the last one is not finite where the training broke.
        norms: Norm of the gradient in each of these steps, before it is clipped.
        held_steps: Steps taken when the held batch was looked at.
        held: Its loss in evaluation at these times.
        held_training: Its loss at the end in training mode; None where the training broke.
        start: Mean loss of the batches of the last fifth of the steps by the first weights.
        end: Mean loss of the same batches when their turn came; None where the training broke.
        best: Smallest mean loss of as many steps in a row; None where there are not as many.
        slope: Change over the last half by a straight line, over |start|; below 0 where the loss still falls.
        noise: Jumps of the last half from step to step, sqrt(mean (difference)^2 / 2), over |start|.
        largest: Largest loss over |start|; infinite where the training broke.
        broke: Step whose loss was not finite, which is the last; None where all were.

    `slope`, `noise` and `largest` are None where `start` is 0 or not finite, the first two also where the training
    broke or has under 4 steps.
    """

    losses: tuple[float, ...]
    norms: tuple[float, ...]
    held_steps: tuple[int, ...]
    held: tuple[float, ...]
    held_training: float | None
    start: float
    end: float | None
    best: float | None
    slope: float | None
    noise: float | None
    largest: float | None
    broke: int | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Differences within repeats, changed minus unchanged, with their mean over the repeats; below 0 the change helps.

    Args:
        unchanged: Mean loss at the end without the change, in its own units.
        changed: With it.
        mean: Difference of both, over the size of the unchanged loss at the start; None where that is 0.
        error: Its standard error over the repeats; None with a single one, too.
        relative: Difference of both, over the larger one of the two in size: from -1 to 1 for losses above 0. It tells
            a difference from a start far off; of losses near 0 it tells little.
        relative_error: Its standard error; None with a single repeat.
        share: How far the changed loss falls over how far the unchanged one does, both meant over the repeats; None
            where the unchanged one does not fall.
        repeats: Those in which neither training broke.
    """

    unchanged: float
    changed: float
    mean: float | None
    error: float | None
    relative: float
    relative_error: float | None
    share: float | None
    repeats: int


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What an intervention does.

    Args:
        name: Its name.
        why_not: Why there is nothing to tell: it cannot be done, or the program fails under it; else empty.
        train: Difference in the loss of the training batches in the last fifth of the steps; None where none counts.
        held: Difference in the loss of the held batch after the last step; None likewise.
        broke: Repeats in which the changed training broke.
        runs: The changed trainings, a repeat each.
    """

    name: str
    why_not: str
    train: Difference | None
    held: Difference | None
    broke: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Result of `paired`.

    Args:
        unchanged: The trainings without intervention, a repeat each.
        effects: What each intervention does, in the order they were given.
        steps: Optimizer steps taken in all: the cost.
        unseen: What the copies do not show, in words.
    """

    unchanged: tuple[Run, ...]
    effects: tuple[Effect, ...]
    steps: int
    unseen: tuple[str, ...]


def paired(
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    batches: Batches,
    interventions: Mapping[str, Intervention],
    *,
    steps: int = 40,
    repeats: int = 3,
    num_batches: int = 32,
    held: Batch | None = None,
    forward: Forward | None = None,
    axis: int = 1,
    seed: int = 0,
) -> Paired:
    """Train copies for some steps, unchanged and under each intervention, and take the differences.

    The first repeat takes the batches in the order given, further ones in others. What is drawn in a step (dropout)
    depends on the repeat and the step alone. Costs at most (1 + interventions) x repeats x steps optimizer steps, and
    a fifth of that in forward passes. Schedules, clipping and scaling of gradients in the user's own loop are not seen.

    Args:
        model: Any module; copies are trained from the weights it has.
        loss: (output, target) -> scalar.
        optimizer: Any optimizer over the parameters of the model.
        batches: step -> (x, y).
        interventions: What to change, by name.
        steps: Steps of each training.
        repeats: Trainings of each kind.
        num_batches: How many batches are taken, and kept in memory; after the last one the first comes again. At most
            an epoch's, where a sample that comes twice would disturb (`shuffled_labels`).
        held: Batch looked at before, on the way and after; the one behind those trained on unless given.
        forward: (model, x) -> output, instead of `model(x)`.
        axis: Axis of the features in the inputs: 1 for columns and channels first, -1 for channels last.
        seed: Seed of the orders and of what is drawn.

    Raises:
        BadValue: Under 2 steps, no repeats or batches, another axis, a batch that is no pair, a loss that is no scalar,
            or what cannot be copied.
    """
    if steps < 2 or repeats < 1 or num_batches < 1:
        raise BadValue(
            f"steps={steps}, repeats={repeats}, num_batches={num_batches} is not possible: expected 2, 1, 1 or more."
        )
    if axis not in (1, -1):
        raise BadValue(f"axis={axis} is not possible: expected 1 or -1.")
    count = min(steps, num_batches)
    taken = take(batches, count + (held is None), seed)
    seen = taken[-1] if held is None else held
    unchanged: list[Run] = []
    changed: dict[str, list[Run]] = {name: [] for name in interventions}
    reasons = dict.fromkeys(interventions, "")
    unseen: dict[str, None] = dict.fromkeys(_unseen(model, loss, optimizer))
    for repeat in range(repeats):
        order = range(count) if repeat == 0 else draws.order(seed, repeat, count).tolist()
        ordered = [taken[place] for place in order]
        key = draws.key(seed, "paired", repeat)
        for name in (None, *interventions):
            if name is not None and reasons[name]:
                continue
            with program(model, loss, optimizer, ordered, seen, forward=forward, seed=key, axis=axis) as trial:
                if name is None:
                    unchanged.append(_run(trial, steps, key))
                else:
                    trial.usual_norm = statistics.median(unchanged[-1].norms)
                    reasons[name], run = _tried(interventions[name], trial, steps, key)
                    if run is None:
                        changed[name].clear()
                    else:
                        changed[name].append(run)
                if any(p.grad is not None for p in model.parameters()):
                    unseen["the loss reaches for the model by itself: what it adds there does not follow the copy"] = (
                        None
                    )
    return Paired(
        unchanged=tuple(unchanged),
        effects=tuple(_effect(name, reasons[name], unchanged, runs) for name, runs in changed.items()),
        steps=sum(len(run.losses) for runs in (unchanged, *changed.values()) for run in runs),
        unseen=tuple(unseen),
    )


def _unseen(model: nn.Module, loss: Loss, optimizer: Optimizer) -> list[str]:
    modules = [model, loss] if isinstance(loss, nn.Module) else [model]
    known = {id(p) for module in modules for p in module.parameters()}
    strange = sum(id(p) not in known for group in optimizer.param_groups for p in group["params"])
    return [f"{strange} parameters of the optimizer belong neither to the model nor to the loss"] if strange else []


def _tried(intervention: Intervention, trial: Program, steps: int, key: int) -> tuple[str, Run | None]:
    """Why there is no training under the intervention, or the training."""
    try:
        why_not = intervention(trial)
        return why_not, None if why_not else _run(trial, steps, key)
    except Exception as error:  # the user's own code, which the change may not suit: batch norm and a single sample
        return f"the program fails under it: {type(error).__name__}: {error}", None


def _run(trial: Program, steps: int, key: int) -> Run:
    losses: list[float] = []
    norms: list[float] = []
    tail = max(1, steps // _TAIL)
    every = max(1, steps // _LOOKS)
    start = statistics.fmean(trial.losses_now(range(steps - tail, steps), lambda number: _seed(draws.key(key, number))))
    held_steps, held = [0], [_held(trial, key, 0)]
    broke = None
    for number in range(steps):
        _seed(draws.key(key, number))
        value, norm = trial.step(number)
        losses.append(value)
        norms.append(norm)
        if not math.isfinite(value):
            broke = number
            break
        taken = number + 1
        if taken % every == 0 or taken == steps:
            held_steps.append(taken)
            held.append(_held(trial, key, taken))
    means = [statistics.fmean(losses[i : i + tail]) for i in range(len(losses) - tail + 1)]
    size = abs(start) if math.isfinite(start) and start else None
    slope, noise = _last_half(losses) if broke is None and steps >= 4 else (None, None)
    return Run(
        losses=tuple(losses),
        norms=tuple(norms),
        held_steps=tuple(held_steps),
        held=tuple(held),
        held_training=_held(trial, key, steps, training=True) if broke is None else None,
        start=start,
        end=statistics.fmean(losses[-tail:]) if broke is None else None,
        best=min((mean for mean in means if math.isfinite(mean)), default=None),
        slope=slope / size if slope is not None and size else None,
        noise=noise / size if noise is not None and size else None,
        largest=(math.inf if broke is not None else max(losses) / size) if size else None,
        broke=broke,
    )


def _seed(key: int) -> None:
    """Seed what torch draws; inside a program, which puts the states back."""
    torch.default_generator.manual_seed(key)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(key)


def _held(trial: Program, key: int, taken: int, *, training: bool = False) -> float:
    _seed(draws.key(key, "held"))
    return trial.held_loss(taken, training=training)


def _last_half(losses: list[float]) -> tuple[float, float]:
    """Change by a straight line, and jumps from step to step, in units of the loss."""
    half = losses[len(losses) // 2 :]
    slope = statistics.linear_regression(range(len(half)), half).slope * (len(half) - 1)
    jumps = [(after - before) ** 2 for before, after in itertools.pairwise(half)]
    return slope, math.sqrt(statistics.fmean(jumps) / 2)


def _effect(name: str, why_not: str, unchanged: list[Run], runs: list[Run]) -> Effect:
    pairs = list(zip(unchanged, runs, strict=False))  # no runs where the intervention was not possible
    return Effect(
        name=name,
        why_not=why_not,
        train=_difference([(a.start, a.end, b.start, b.end) for a, b in pairs]),
        held=_difference([(a.held[0], _last(a), b.held[0], _last(b)) for a, b in pairs]),
        broke=sum(run.broke is not None for run in runs),
        runs=tuple(runs),
    )


def _last(run: Run) -> float | None:
    return run.held[-1] if run.broke is None else None


def _difference(pairs: list[tuple[float, float | None, float, float | None]]) -> Difference | None:
    """From (start, end) of the unchanged training and (start, end) of the changed one, a repeat each."""
    counted = [
        (start, end, changed_start, changed_end)
        for start, end, changed_start, changed_end in pairs
        if end is not None
        and changed_end is not None
        and all(math.isfinite(value) for value in (start, end, changed_start, changed_end))
    ]
    if not counted:
        return None
    scaled = all(start for start, _, _, _ in counted)
    differences = [(changed - end) / abs(start) for start, end, _, changed in counted] if scaled else []
    larger = [max(abs(end), abs(changed)) for _, end, _, changed in counted]
    relative = [
        (changed - end) / size if size else 0.0 for (_, end, _, changed), size in zip(counted, larger, strict=True)
    ]
    fall = sum(start - end for start, end, _, _ in counted)
    changed_fall = sum(start - changed for _, _, start, changed in counted)
    return Difference(
        unchanged=statistics.fmean(end for _, end, _, _ in counted),
        changed=statistics.fmean(changed for _, _, _, changed in counted),
        mean=statistics.fmean(differences) if differences else None,
        error=_standard_error(differences),
        relative=statistics.fmean(relative),
        relative_error=_standard_error(relative),
        share=changed_fall / fall if fall > 0 else None,
        repeats=len(counted),
    )


def _standard_error(values: list[float]) -> float | None:
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
