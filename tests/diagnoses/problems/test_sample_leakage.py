"""Samples that reach into each other's outputs: two faulty programs, their clean twins, and batch norm."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses.problems import Suspicion
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]


class Weighted(nn.Module):
    """Hidden units as shares, along the features or along the batch."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.body, self.head, self.axis = nn.Linear(6, 12), nn.Linear(12, 2), axis

    def forward(self, x: Tensor) -> Tensor:
        return self.head(10 * self.body(x).softmax(self.axis))


class Recurrent(nn.Module):
    """A recurrent layer over (N, T, F)."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.body, self.head = nn.RNN(6, 8, batch_first=batch_first), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x)[0][:, -1])


def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 2))


def program(network: Callable[[], nn.Module], shape: tuple[int, ...] = (6,)) -> Parts:
    torch.manual_seed(0)
    x = torch.randn(160, *shape)
    y = (x.reshape(160, -1)[:, 0] > 0).long()
    model = network()
    given = torch.optim.Adam(model.parameters(), lr=0.01)
    return parts(model, nn.CrossEntropyLoss(), given, (x[:120], y[:120]), (x[120:], y[120:]), batch_size=20, epochs=2)


@pytest.mark.parametrize(
    ("faulty", "clean", "shape"),
    [(partial(Weighted, 0), partial(Weighted, 1), (6,)), (partial(Recurrent, False), partial(Recurrent, True), (5, 6))],
    ids=["softmax over the batch", "recurrent over the batch"],
)
def test_samples_that_are_mixed(
    faulty: Callable[[], nn.Module], clean: Callable[[], nn.Module], shape: tuple[int, ...], suspect: Ask
) -> None:
    found = suspect("sample-leakage", partial(program, faulty, shape))
    assert found is not None and found.evidence["pairs"] >= 0.4
    assert suspect("sample-leakage", partial(program, clean, shape)) is None


def test_batch_norm_is_no_fault(suspect: Ask) -> None:
    assert suspect("sample-leakage", partial(program, normed)) is None
