"""Passes: the same each time."""

import pytest
import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.probes.passes import passes


def test_passes_start_from_the_same_buffers_and_draws(mlp, batches) -> None:
    x = batches(0)[0]
    with passes(mlp, None, 0) as run:
        first, again, other = (run.look(x, training=True, draw=draw) for draw in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        before = run.look(x, training=False)
        run.look(x, training=True)
        assert torch.equal(run.look(x, training=False), before)
    assert torch.equal(mlp.eval()(x), before)


def test_dropout_can_be_switched_off_and_batch_norm_stays(mlp, batches) -> None:
    x = batches(0)[0]
    with passes(mlp, None, 0) as run:
        one, two = (run.look(x, training=True, draw=draw, dropout=False) for draw in (0, 1))
        assert torch.equal(one, two)
        assert not torch.allclose(one, run.look(x, training=False))


def test_layers_that_work_in_place_do_not_touch_the_inputs() -> None:
    model, x = nn.Sequential(nn.ReLU(inplace=True)), torch.tensor([-1.0, 1.0])
    with passes(model, None, 0) as run:
        assert run.look({"x": x}["x"], training=False).tolist() == [0, 1]
    assert x.tolist() == [-1, 1]


def test_a_failure_names_the_mode() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with passes(model, lambda network, x: network(x["x"]), 0) as run:
        assert run.look({"x": torch.ones(1, 3)}, training=False).shape == (1, 2)
        with pytest.raises(BadValue, match="fails on this batch in training mode: ValueError"):
            run.look({"x": torch.ones(1, 3)}, training=True)


def test_a_pass_in_inference_mode_can_still_go_backward() -> None:
    model = nn.Linear(3, 2)
    with torch.inference_mode(), passes(model, None, 0) as run:
        x = torch.ones(1, 3, requires_grad=True)
        run(x, training=True).sum().backward()
        assert x.grad is not None


def test_buffers_that_are_put_in_place_and_such_that_cannot_be_written_to() -> None:
    class Average(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(2))
            self.register_buffer("wide", torch.ones(1).expand(2))

        def forward(self, x: Tensor) -> Tensor:
            self.mean = 0.5 * self.mean + x.mean(dim=0)
            return x - self.mean + self.wide

    model, x = Average(), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    with passes(model, None, 0) as run:
        first = run.look(x, training=True)
        assert torch.equal(run.look(x, training=True), first)
    assert model.mean.tolist() == [0, 0]
