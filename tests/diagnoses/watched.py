"""Small trainings to watch."""

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.diagnoses.watch import Doctor, watch

BATCH = 32


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 3)
    )


def batch() -> tuple[Tensor, Tensor]:
    x = torch.randn(BATCH, 8)
    return x, (x.sum(1) > 0).long() + (x[:, 0] > 1).long()


def train(
    model: nn.Module,
    forward: Callable[[nn.Module, Tensor], Tensor] = lambda model, x: model(x),
    *,
    steps: int = 45,
    lr: float = 0.1,
    watched: bool = True,
    called: nn.Module | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    **options: Any,
) -> Doctor | None:
    """Some steps as anybody writes them."""
    called = model if called is None else called
    optimizer = optimizer or torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=0.9)
    torch.manual_seed(1)
    with watch(called, optimizer, **options) if watched else contextlib.nullcontext() as doctor:
        for _ in range(steps):
            x, y = batch()
            optimizer.zero_grad()
            loss = F.cross_entropy(forward(called, x), y)
            loss.backward()
            optimizer.step()
            if doctor is not None:
                doctor.step(loss)
    return doctor


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules())
