"""A small program to gather evidence of, and what tells whether it was left as it was."""

import copy
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses import gather as module
from trainwell.diagnoses.gather import TRIALS
from trainwell.probes.parts import Parts, parts


def program(lr: float = 0.1, **changed: Any) -> Parts:
    """Three classes of six features; with a norm, dropout, momentum that has begun to gather, and a schedule."""
    torch.manual_seed(0)
    x = torch.randn(120, 6)
    y = (x @ torch.randn(6, 3)).argmax(1)
    y[::4] = torch.randint(0, 3, (30,))  # so that nothing scores 0.95
    model = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.1), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    nn.functional.cross_entropy(model(x[:20]), y[:20]).backward()
    optimizer.step()
    known: dict[str, Any] = {"batch_size": 20, "epochs": 3, "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 2)}
    known |= changed
    return parts(model, nn.CrossEntropyLoss(), optimizer, (x[:80], y[:80]), (x[80:], y[80:]), **known)


def only(patch: pytest.MonkeyPatch, *names: str) -> None:
    patch.setattr(module, "TRIALS", {name: TRIALS[name] for name in names})


def state(given: Parts) -> dict[str, Any]:
    """All that a script could see of itself, and of the random numbers that come next."""
    assert given.scheduler is not None
    return {
        "numbers": {name: tensor.clone() for name, tensor in given.model.state_dict().items()},
        "gradients": [None if p.grad is None else p.grad.clone() for p in given.model.parameters()],
        "tensors": [id(p.grad) for p in given.model.parameters()],
        "learns": [p.requires_grad for p in given.model.parameters()],
        "modes": [each.training for each in given.model.modules()],
        "hooks": [len(each._forward_hooks) + len(each._forward_pre_hooks) for each in given.model.modules()],
        "optimizer": copy.deepcopy(given.optimizer.state_dict()),
        "scheduler": copy.deepcopy(given.scheduler.state_dict()),
        "samples": [tensor.clone() for part in (given.train, given.valid) for tensor in part.whole()],
        "draws": (random.getstate(), np.random.get_state(), torch.get_rng_state()),
        "grad": torch.is_grad_enabled(),
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor | np.ndarray):
        return bool(type(one) is type(other) and one.dtype == other.dtype and (one == other).all())
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
