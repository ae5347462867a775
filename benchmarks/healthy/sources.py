"""The data of the programs: scikit-learn's small sets, and sets drawn here."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from healthy.program import Inputs, Rows

_VALID = 0.3


def split(x: Inputs, y: Tensor) -> tuple[Rows, Rows]:
    """Training and validation rows, the same under every seed of a program."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    held = round(_VALID * len(y))
    rows = Rows(x, y)
    return Rows(*rows[order[held:]]), Rows(*rows[order[:held]])


def digits(*, flat: bool = True, only: range = range(10)) -> tuple[Rows, Rows]:
    """8x8 digits with centred grey values in [-1, 1], (N, 64) or (N, 1, 8, 8); classes from 0 on."""
    found = load_digits()
    chosen = np.isin(found.target, list(only))
    x = torch.tensor(found.data[chosen] / 8 - 1, dtype=torch.float32)
    y = torch.tensor(found.target[chosen] - only.start)
    return split(x if flat else x.view(-1, 1, 8, 8), y)


def table(x: np.ndarray, y: np.ndarray) -> tuple[Rows, Rows]:
    """Rows with columns standardised by the training rows; targets as class numbers (N,), or floats (N, L) as they are.

    Targets of a regression, a float vector, become (N, 1), standardised likewise.
    """
    targets = torch.tensor(y)
    train, valid = split(torch.tensor(x, dtype=torch.float32), targets)
    mean, std = train.x.mean(0), train.x.std(0)
    train.x, valid.x = (train.x - mean) / std, (valid.x - mean) / std
    if targets.is_floating_point() and targets.ndim == 1:
        centre, width = train.y.mean(), train.y.std()
        for part in (train, valid):
            part.y = ((part.y - centre) / width).float()[:, None]
    return train, valid


def loaded(load: Callable[..., Any]) -> tuple[Rows, Rows]:
    """One of scikit-learn's `load_*` tables."""
    return table(*load(return_X_y=True))


def drawn(seed: int = 0) -> torch.Generator:
    """Randomness of a set that a program draws for itself."""
    return torch.Generator().manual_seed(seed)
