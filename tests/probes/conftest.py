"""Digits, standardised; a healthy network; and the test that nothing was touched."""

import contextlib
import copy
import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from trainwell.probes.experiment import Batch, Batches


@pytest.fixture(scope="session")
def digits() -> Batch:
    """x (1797, 64) float32 with mean 0 and deviation 1, y (1797,) int64."""
    data = load_digits()
    x = (data.data - data.data.mean(0)) / (data.data.std(0) + 0.01)
    order = np.random.default_rng(0).permutation(len(x))
    return torch.tensor(x[order], dtype=torch.float32), torch.tensor(data.target[order])


@pytest.fixture
def batches(digits: Batch) -> Batches:
    """Batches of 32 digits."""
    x, y = digits
    return lambda step: (x[step * 32 % 1760 :][:32], y[step * 32 % 1760 :][:32])


@pytest.fixture
def mlp() -> nn.Module:
    """Healthy: batch norm, dropout and torch's own initialisation."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(64, 64),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


@pytest.fixture
def nothing_touched() -> Callable[..., contextlib.AbstractContextManager[None]]:
    """A block after which a model, tensors and all random states must be bit-equal to what they were."""

    @contextlib.contextmanager
    def check(model: nn.Module, *tensors: Tensor) -> Iterator[None]:
        # Uneven states: a mode, a frozen parameter and gradients that a probe could lose.
        model.eval()
        next(model.children()).train()
        parameters = list(model.parameters())
        parameters[0].requires_grad_(False)
        for number, p in enumerate(parameters):
            p.grad = torch.full_like(p, number)
        gradients = [p.grad for p in parameters]
        values = copy.deepcopy(model.state_dict())
        modes = [m.training for m in model.modules()]
        data = [t.clone() for t in tensors]
        random.seed(5)
        np.random.seed(5)
        torch.manual_seed(5)
        states = (random.getstate(), np.random.get_state(), torch.get_rng_state())
        yield
        assert random.getstate() == states[0]
        np.testing.assert_equal(np.random.get_state(), states[1])
        assert torch.equal(torch.get_rng_state(), states[2])
        after = model.state_dict()
        assert list(after) == list(values)
        assert all(torch.equal(after[name], value) for name, value in values.items())
        assert [m.training for m in model.modules()] == modes
        assert all(p.grad is gradient for p, gradient in zip(model.parameters(), gradients, strict=True))
        assert all(bool((gradient == number).all()) for number, gradient in enumerate(gradients))
        assert [p.requires_grad for p in model.parameters()] == [False] + [True] * (len(parameters) - 1)
        assert all(torch.equal(now, before) for now, before in zip(tensors, data, strict=True))

    return check
