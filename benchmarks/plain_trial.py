"""One trial as a loop written by hand: what Optuna and Ray Tune are given in `population.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trainwell.models import build

SCORED_ROWS = 250


@dataclass(frozen=True)
class Plain:
    """All that the loop needs, in memory: tensors and plain data.

    Args:
        model: The network, as a recipe names it.
        train: Inputs as the network takes them, and classes.
        valid: The same of the rows that are scored.
        num_classes: Outputs.
        batch: Samples a step.
        multipliers: Factor of the rate at each step.
        scored: Steps after which the validation rows are scored.
    """

    model: dict[str, Any]
    train: tuple[Tensor, Tensor]
    valid: tuple[Tensor, Tensor]
    num_classes: int
    batch: int
    multipliers: Sequence[float]
    scored: Sequence[int]


def train(plain: Plain, lr: float, weight_decay: float, seed: int) -> float:
    """Train a network; returns its best validation accuracy."""
    torch.manual_seed(seed)
    x, y = plain.train
    model = build(plain.model, tuple(x.shape[1:]), plain.num_classes, seed).to(x.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay, fused=True)
    order, best, ends = torch.zeros(0, dtype=torch.int64), 0.0, set(plain.scored)
    model.train()
    for step, factor in enumerate(plain.multipliers, 1):
        if len(order) < plain.batch:
            order = torch.cat((order, torch.randperm(len(y))))
        rows, order = order[: plain.batch], order[plain.batch :]
        optimizer.param_groups[0]["lr"] = lr * factor
        loss = functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step in ends:
            best = max(best, _accuracy(model, *plain.valid))
    return best


@torch.inference_mode()
def _accuracy(model: torch.nn.Module, x: Tensor, y: Tensor) -> float:
    model.eval()
    right = sum(
        int((model(rows).argmax(1) == classes).sum())
        for rows, classes in zip(x.split(SCORED_ROWS), y.split(SCORED_ROWS), strict=True)
    )
    model.train()
    return right / len(y)
