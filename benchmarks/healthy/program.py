"""What a training script holds, the loop that trains it, and the metric it is judged by."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

Inputs = Tensor | dict[str, Tensor]
_PASS = 1024  # rows in one pass of the validation set


class Rows(Dataset):
    """Inputs of N rows, a tensor (N, ...) or a dictionary of such tensors, and their targets (N, ...)."""

    def __init__(self, x: Inputs, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: Any) -> tuple[Inputs, Tensor]:
        """One row by its number, or a batch by a slice or a tensor of numbers."""
        if isinstance(self.x, dict):
            return {name: column[rows] for name, column in self.x.items()}, self.y[rows]
        return self.x[rows], self.y[rows]


@dataclass
class Program:
    """A model, its data and how it is trained.

    Attributes:
        loss: Called as loss(output, target); a scalar.
        metric: Called as metric(outputs, targets) on the whole validation set; 1 is perfect.
        task: "classification" or "regression".
        scheduler: Stepped after each step of the optimizer.
        clip: Largest norm of the gradient; None leaves it alone.
        autocast: Forward and loss run under bf16 autocast.
        closure: The optimizer calls for the loss by itself, as L-BFGS and two-pass methods do.
        accumulate: Batches whose gradients make one step.
    """

    model: nn.Module
    loss: Callable[[Any, Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    train: Rows
    valid: Rows
    batch_size: int
    epochs: int
    task: str
    metric: Callable[[Any, Tensor], float]
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None
    clip: float | None = None
    autocast: bool = False
    closure: bool = False
    accumulate: int = 1

    @property
    def steps(self) -> int:
        """Batches of the whole training."""
        return self.epochs * math.ceil(len(self.train) / self.batch_size)


Build = Callable[..., Program]
PROGRAMS: dict[str, Build] = {}


def program(parts: Callable[[float, int], Program]) -> Build:
    """Register `parts(rate, length)` under its name as build(seed, rate=1.0, length=1).

    `rate` multiplies the learning rate and `length` the epochs, with the schedule stretched to fit: so a script is
    asked what its neighbours would gain. The data are the same under every seed; weights and order are not.
    """

    def build(seed: int, rate: float = 1.0, length: int = 1) -> Program:
        torch.manual_seed(seed)
        return parts(rate, length)

    build.__name__, build.__doc__ = parts.__name__, parts.__doc__
    PROGRAMS[parts.__name__] = build
    return build


def accuracy(output: Tensor, y: Tensor) -> float:
    """Share of right classes: output (N, K), y (N,); sequences as output (N, T, K), y (N, T)."""
    return float((output.argmax(-1) == y).float().mean())


def binary_accuracy(output: Tensor, y: Tensor) -> float:
    """Share of right answers of logits (N, L) against y (N, L) in {0, 1}, one column a question."""
    return float(((output > 0) == (y > 0.5)).float().mean())


def r2(output: Tensor, y: Tensor) -> float:
    """Explained share of the variance, all columns together, 0 at the least."""
    share = 1 - float(((output - y) ** 2).sum() / ((y - y.mean(0)) ** 2).sum())
    return max(share, 0.0) if math.isfinite(share) else 0.0


def baseline(program: Program) -> float:
    """Metric on the validation rows of the most frequent training answer; 0 for R2, where it is the mean."""
    if program.metric is r2:
        return 0.0
    train, valid = program.train.y, program.valid.y
    if train.is_floating_point():
        return float(((train.mean(0) > 0.5) == (valid > 0.5)).float().mean())
    return float((valid == train.flatten().mode().values).float().mean())


def train(program: Program, seed: int, steps: int | None = None) -> dict[str, list[float]]:
    """Train it in place; `losses` of every batch, `valid_loss` and `metric` of every epoch.

    `steps` ends it after so many batches, without a look at the validation rows.
    """
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    log: dict[str, list[float]] = {"losses": [], "valid_loss": [], "metric": []}
    for _ in range(program.epochs):
        program.model.train()
        for rows in torch.randperm(len(program.train), generator=order).split(program.batch_size):
            log["losses"].append(_step(program, *program.train[rows], len(log["losses"]) + 1))
            if len(log["losses"]) == steps:
                return log
        loss, metric = evaluate(program)
        log["valid_loss"].append(loss)
        log["metric"].append(metric)
    return log


def evaluate(program: Program) -> tuple[float, float]:
    """Loss and metric on the validation rows."""
    program.model.eval()
    with torch.no_grad():
        outputs = [program.model(program.valid[i : i + _PASS][0]) for i in range(0, len(program.valid), _PASS)]
        first = outputs[0]
        if isinstance(first, dict):
            output = {name: torch.cat([part[name] for part in outputs]) for name in first}
        else:
            output = torch.cat(outputs)
        return float(program.loss(output, program.valid.y)), program.metric(output, program.valid.y)


def token_loss(output: Tensor, y: Tensor) -> Tensor:
    """Cross entropy of every place of a sequence: output (N, T, K), y (N, T)."""
    return F.cross_entropy(output.flatten(0, 1), y.flatten())


def _step(program: Program, x: Inputs, y: Tensor, count: int) -> float:
    def backward() -> Tensor:
        if program.closure:
            program.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=program.autocast):
            loss = program.loss(program.model(x), y)
        (loss / program.accumulate).backward()
        return loss.detach()

    if program.closure:
        loss = program.optimizer.step(backward)
    else:
        loss = backward()
        if count % program.accumulate == 0:
            if program.clip is not None:
                nn.utils.clip_grad_norm_(program.model.parameters(), program.clip)
            program.optimizer.step()
            program.optimizer.zero_grad()
    if program.scheduler is not None and count % program.accumulate == 0:
        program.scheduler.step()
    return float(loss)
