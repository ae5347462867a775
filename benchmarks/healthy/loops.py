"""Programs whose loop is out of the common: two passes, L-BFGS, one cycle, accumulated gradients."""

from collections.abc import Callable

import torch
from sklearn.datasets import load_breast_cancer, load_wine
from torch import Tensor, nn
from torch.nn import functional as F

from healthy.program import Program, accuracy, program
from healthy.sources import digits, loaded


class Sharpness(torch.optim.SGD):
    """SGD with the gradient taken where the loss is worst nearby (Foret et al., 2021, algorithm 1)."""

    radius = 0.05

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """Two passes: up the slope by `radius`, and down with the gradient found there."""
        with torch.enable_grad():
            loss = closure()
        weights = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        before = [p.clone() for p in weights]
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(p.grad) for p in weights]))
        for p in weights:
            p.add_(self.radius * p.grad / (norm + 1e-12))
        with torch.enable_grad():
            closure()
        for p, old in zip(weights, before, strict=True):
            p.copy_(old)
        super().step()
        return loss


@program
def two_passes(rate: float, length: int) -> Program:
    """Sharpness-aware minimisation: the closure is called twice a step."""
    model = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))
    optimizer = Sharpness(model.parameters(), lr=0.05 * rate, momentum=0.9)
    parts = digits()
    return Program(model, F.cross_entropy, optimizer, *parts, 64, 12 * length, "classification", accuracy, closure=True)


@program
def lbfgs(rate: float, length: int) -> Program:
    """L-BFGS with a line search on all rows, and a penalty on the weights in the loss."""
    model = nn.Sequential(nn.Linear(13, 12), nn.Tanh(), nn.Linear(12, 3))
    optimizer = torch.optim.LBFGS(model.parameters(), lr=rate, max_iter=5, line_search_fn="strong_wolfe")

    def loss(output: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(output, y) + 5e-3 * sum((p**2).sum() for p in model.parameters())

    parts = loaded(load_wine)
    return Program(model, loss, optimizer, *parts, 256, 12 * length, "classification", accuracy, closure=True)


@program
def one_cycle(rate: float, length: int) -> Program:
    """One cycle up to a rate that would be too high to stay at."""
    model = nn.Sequential(nn.Linear(64, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Linear(96, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    made = Program(model, F.cross_entropy, optimizer, *digits(), 64, 10 * length, "classification", accuracy)
    made.scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5 * rate, made.steps)
    return made


@program
def accumulated(rate: float, length: int) -> Program:
    """Four batches of eight make a step: the weights stand still three batches in four."""
    model = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Linear(24, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05 * rate, momentum=0.9)
    made = Program(
        model, F.cross_entropy, optimizer, *loaded(load_breast_cancer), 8, 8 * length, "classification", accuracy
    )
    made.accumulate = 4
    return made
