"""Training: a program trained on a copy as its script would, or a part of the way, with its curves."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from trainwell.probes.contents import exchanged, fresh, tensors
from trainwell.probes.experiment import Batch
from trainwell.probes.parts import Parts
from trainwell.probes.score import score
from trainwell.probes.state import untouched

_LOOKS = 16  # at most, at the samples on the way; the last ones at the end of the training
_FEW = 3  # however short the training is
_SEEN = 1000  # samples looked at: accuracy is then known to 0.015
_SCORED = 500  # samples of the training part among which the score is taken
_PASS = 500  # samples in one pass without gradients

Watch = Callable[[int, nn.Module, Tensor], None]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """A training, seen from outside.

    Args:
        planned: Steps that the program takes in all.
        taken: Steps taken here.
        losses: Loss of every batch, before its step; thinned out to 400 numbers where there are more.
        steps: Steps taken when the samples were looked at; the first look is before training.
        train_loss: Loss of some training samples, in evaluation mode.
        train_score: Accuracy or R2 of these; None where there is no such number.
        valid_loss: Loss of the validation samples.
        valid_score: Accuracy or R2 of these.
        train_running: Loss in training mode between two looks; the first is that of the first batch.
        end: Mean `valid_score` of the looks in the last fifth of what was planned, or of the last one where it was cut.
        train_end: The same of `train_score`.
        broke: Step at which loss or outputs were no longer finite, which ended it; None where all were.
    """

    planned: int
    taken: int
    losses: tuple[float, ...]
    steps: tuple[int, ...]
    train_loss: tuple[float, ...]
    train_score: tuple[float | None, ...]
    valid_loss: tuple[float, ...]
    valid_score: tuple[float | None, ...]
    train_running: tuple[float, ...]
    end: float | None
    train_end: float | None
    broke: int | None

    @property
    def cut(self) -> bool:
        """Whether it is only a part of what was planned."""
        return self.taken < self.planned and self.broke is None


def train(given: Parts, *, steps: int | None = None, seed: int = 0, watch: Watch | None = None) -> Curves:
    """Train parts, which may be changed by it; what is drawn depends on the seed alone, and random states are put back.

    The samples are shuffled anew in each epoch. A batch of one sample is left out where a norm needs several. A
    scheduler is stepped after each epoch, or after each step where it counts more steps than there are epochs.

    Args:
        given: Copies, as `Parts.copy` gives them.
        steps: Steps to take; all that are planned where None.
        seed: Seed of order and draws.
        watch: Called after each step with the number of steps taken, the model, gradients in place, and the loss.
    """
    with untouched(seed=seed), torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
        # The scheduler was made for the user's optimizer, whose `step` it has wrapped; the copy's it has not.
        warnings.filterwarnings("ignore", "Seems like `optimizer.step\\(\\)` has been overridden")
        return _train(given, given.steps if steps is None else min(steps, given.steps), seed, watch)


def _train(given: Parts, steps: int, seed: int, watch: Watch | None) -> Curves:
    model = given.model
    order = torch.Generator().manual_seed(1000 + seed)
    several = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())
    by_step = given.scheduler is not None and _counts_steps(given.scheduler, given.epochs, given.steps)
    # A look at all these samples costs about as much as training on a third of them: at most as much as the training.
    affordable = 3 * steps * given.batch_size // (min(_SCORED, len(given.train)) + min(_SEEN, len(given.valid)))
    looks = _looks(steps, given.epoch_steps, max(_FEW, min(_LOOKS, affordable)))
    seen = [given.train.first(_SCORED), given.valid.first(_SEEN)]
    found: dict[str, list[Any]] = {name: [] for name in ("train_loss", "train_score", "valid_loss", "valid_score")}
    running: list[float] = []
    losses: list[float] = []
    taken, broke = 0, None

    def look() -> None:
        for name, batch in zip(("train", "valid"), seen, strict=True):
            value, rate = evaluate(given, batch)
            found[f"{name}_loss"].append(value)
            found[f"{name}_score"].append(rate)

    look()
    while taken < steps and broke is None:
        numbers = torch.randperm(len(given.train), generator=order)
        for chosen in numbers.split(given.batch_size):
            if taken == steps:
                break
            taken += 1
            if not (len(chosen) == 1 and several and given.batch_size > 1):
                model.train()
                value = _step(given, fresh_batch(given.train.batch(chosen)))
                losses.append(value)
                if watch is not None:
                    watch(taken, model, torch.tensor(value))
                if not math.isfinite(value):
                    broke = taken
                    break
            if by_step and given.scheduler is not None:
                given.scheduler.step()
            if taken in looks:
                look()
                running.append(sum(losses[-given.epoch_steps :]) / max(1, len(losses[-given.epoch_steps :])))
        if given.scheduler is not None and not by_step and broke is None:
            if isinstance(given.scheduler, ReduceLROnPlateau):
                given.scheduler.step(found["valid_loss"][-1])
            else:
                given.scheduler.step()
    points = [0, *[step for step in looks if step <= taken and (broke is None or step < broke)]]
    if broke is not None:
        look()
        running.append(losses[-1])
        points.append(taken)
    tail = [place for place, step in enumerate(points) if step > 0 and step > 0.8 * given.steps] or [len(points) - 1]
    stride = max(1, math.ceil(len(losses) / 400))
    return Curves(
        planned=given.steps,
        taken=taken,
        losses=tuple(losses[::stride]),
        steps=tuple(points),
        train_running=(losses[0] if losses else math.nan, *running),
        end=_mean([found["valid_score"][place] for place in tail]),
        train_end=_mean([found["train_score"][place] for place in tail]),
        broke=broke,
        **{name: tuple(values) for name, values in found.items()},
    )


def _step(given: Parts, batch: Batch) -> float:
    x, y = batch
    first: list[float] = []

    def closure() -> Tensor:
        with torch.enable_grad():
            given.optimizer.zero_grad(set_to_none=True)
            value = given.loss(given.forward(given.model, x), y)
            if value.requires_grad:
                value.backward()
            first.append(float(value.detach()))
            return value.detach()

    given.optimizer.step(closure)  # type: ignore[arg-type]
    return first[0]


@torch.no_grad()
def evaluate(given: Parts, batch: Batch) -> tuple[float, float | None]:
    """Loss and score of some samples in evaluation mode; the modes are put back."""
    modes = [(module, module.training) for module in given.model.modules()]
    given.model.eval()
    x, y = fresh_batch(batch)
    count = next((len(tensor) for _, tensor in tensors(y) if tensor.ndim), 0)
    try:
        outputs = [
            given.forward(given.model, exchanged(x, lambda tensor, low=low: tensor[low : low + _PASS]))  # type: ignore[misc]
            for low in range(0, count, _PASS)
        ]
        output = outputs[0] if len(outputs) == 1 else _together(outputs)
        return float(given.loss(output, y)), score(output, y, given.task, given.loss)
    except (RuntimeError, ValueError, IndexError):
        return math.nan, None  # a loss that takes no batch but its own
    finally:
        for module, mode in modes:
            module.training = mode


def fresh_batch(batch: Batch) -> Batch:
    """The batch, copied: a layer may work in place."""
    return fresh(batch[0]), fresh(batch[1])


def _together(outputs: list[Any]) -> Any:
    columns = [[tensor for _, tensor in tensors(output)] for output in outputs]
    joined = iter([torch.cat(parts) for parts in zip(*columns, strict=True)])
    return exchanged(outputs[0], lambda _: next(joined))


def _looks(steps: int, epoch_steps: int, most: int) -> list[int]:
    """When to look: at the ends of epochs, evenly; within the epochs where there are few."""
    ends = list(range(epoch_steps, steps + 1, epoch_steps))
    if len(ends) < 4:
        ends = sorted({round(steps * part / 8) for part in range(1, 9)} - {0})
    if not ends or ends[-1] != steps:
        ends.append(steps)
    if len(ends) <= most:
        return ends
    return sorted({ends[round(place * (len(ends) - 1) / (most - 1))] for place in range(most)})


def _counts_steps(scheduler: LRScheduler, epochs: int, steps: int) -> bool:
    """Whether a scheduler is made to be stepped after every batch: by what it counts to, or by how far it gets."""
    if isinstance(scheduler, LambdaLR):
        return any(_reach(function, epochs) < 0.5 * _reach(function, steps) for function in scheduler.lr_lambdas)
    named = (getattr(scheduler, name, None) for name in ("total_steps", "T_max", "T_0"))
    return any(counted is not None and counted > epochs for counted in named)


def _reach(function: Callable[[int], float], count: int) -> float:
    """The largest multiplier of a schedule within so many counts."""
    return max(float(function(number)) for number in range(0, count + 1, max(1, count // 200)))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None
