"""The cost of a step: the same in every run, and more where more is computed."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import nn
from torch.nn import functional as F

from trainwell.probes.parts import Parts, parts
from trainwell.probes.work import step_seconds


def program(model: nn.Module, *shape: int, batch_size: int = 16, outputs: int = 3) -> Parts:
    draws = torch.Generator().manual_seed(0)
    x, y = torch.randn(64, *shape, generator=draws), torch.arange(64) % outputs
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return parts(model, nn.CrossEntropyLoss(), optimizer, (x, y), batch_size=batch_size, epochs=2)


def stack(width: int, depth: int) -> nn.Module:
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(nn.Linear(8, width), *layers, nn.Linear(width, 3))


class Last(nn.Module):
    """A recurrent network, and a head on its last output."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body, self.head = nn.LSTM(8, width, batch_first=True), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, _ = self.body(x)
        return self.head(out[:, -1])


def test_large_products_cost_what_they_compute() -> None:
    # Three products of 64 x 512 x 512 a layer, of 2 operations each, at 1.5e10 a second; bytes and calls come on top.
    one, two = (step_seconds(program(stack(512, depth), 8, batch_size=64)) for depth in (1, 2))
    step, computed = two - one, 3 * 2 * 64 * 512**2 / 1.5e10
    assert computed < step < 3 * computed


def test_it_grows_with_depth_width_batch_and_length() -> None:
    base = step_seconds(program(stack(64, 4), 8))
    assert base > 0
    assert step_seconds(program(stack(64, 8), 8)) > 1.3 * base
    assert step_seconds(program(stack(512, 4), 8)) > 2 * base
    assert step_seconds(program(stack(512, 4), 8, batch_size=64)) > step_seconds(program(stack(512, 4), 8))
    short, long = (step_seconds(program(Last(64), length, 8)) for length in (5, 50))
    assert long > 3 * short


def test_the_number_is_the_same_each_time() -> None:
    first = step_seconds(program(stack(32, 2), 8))
    torch.manual_seed(9)
    assert step_seconds(program(stack(32, 2), 8)) == first


def test_nothing_is_touched(nothing_touched: Callable[..., AbstractContextManager[None]]) -> None:
    model = nn.Sequential(
        nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(16, 3)
    )
    given = program(model, 8)
    x, y = given.train.whole()
    with nothing_touched(model, x, y):
        assert step_seconds(given) > 0


def test_a_loss_over_the_model_is_taken_from_the_copy(
    nothing_touched: Callable[..., AbstractContextManager[None]],
) -> None:
    model = stack(16, 1)
    given = program(model, 8)
    given.loss = lambda output, target: F.cross_entropy(output, target) + model[0].weight.square().sum()  # type: ignore[index,operator,union-attr]
    with nothing_touched(model):
        step_seconds(given)
