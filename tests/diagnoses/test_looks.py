"""Looks: units, gradients and updates against numbers worked out by hand, and nothing changed by looking."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses.looks import Inside
from trainwell.probes.parts import Parts, parts
from trainwell.probes.training import train

X = torch.tensor([[0.0, 0.0], [4.0, 0.0], [8.0, 0.0], [12.0, 0.0]])


class Three(nn.Module):
    """A unit that is dead, one that is alive, one that is always the same; behind a sigmoid; and their sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.relu = nn.ReLU()
        self.last = nn.Linear(3, 1)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
            self.first.bias.copy_(torch.tensor([0.0, 0.0, 3.0]))
            self.last.weight.fill_(1.0)
            self.last.bias.fill_(0.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.sigmoid(self.relu(self.first(x))))


def three(**changed: Any) -> Parts:
    model = Three()
    given = torch.optim.SGD(model.parameters(), lr=0.5)
    known = {"batch_size": 4, "epochs": 10} | changed
    return parts(model, nn.MSELoss(), given, (X, torch.zeros(4, 1)), (X, torch.zeros(4, 1)), **known)


def test_units_by_hand() -> None:
    """Behind the ReLU stand (0, x, 3) for x = 0, 4, 8, 12; behind the sigmoid their sigmoids."""
    (look,) = Inside(three(), (X, torch.zeros(4, 1)), 10, 0).looks
    relu, sigmoid = look.units
    assert (look.step, relu.name, sigmoid.name) == (0, "relu", "sigmoid()")
    assert relu.num_units == sigmoid.num_units == 3
    assert relu.dead == sigmoid.dead == pytest.approx(2 / 3)
    assert relu.zeros == pytest.approx(5 / 12)  # four of the dead unit, and x = 0
    assert sigmoid.zeros == 0
    # A ReLU is flat at and under 0: the dead unit, whose inputs are 0, -4, -8, -12, and x = 0.
    assert relu.flat == pytest.approx(5 / 12)
    # The slope of a sigmoid, s (1 - s), is under 1 % of the largest, 1/4, beyond 5.99: at x = 8 and 12.
    assert sigmoid.flat == pytest.approx(2 / 12)
    assert relu.rms == pytest.approx(math.sqrt((0 + 16 + 64 + 144 + 4 * 9) / 12))
    # Between the samples only x varies: variance 20 of one unit in three.
    assert relu.between == pytest.approx(math.sqrt(20 / 3) / relu.rms)


def test_samples_that_come_out_alike_have_nothing_between_them() -> None:
    made = three()
    with torch.no_grad():
        made.model.first.weight.zero_()  # type: ignore[union-attr, operator]
    (look,) = Inside(made, (X, torch.zeros(4, 1)), 10, 0).looks
    assert [unit.between for unit in look.units] == [0, 0]
    assert [unit.dead for unit in look.units] == [1, 1]


def test_a_unit_that_gives_0_for_all_has_no_share_between_them() -> None:
    made = three()
    with torch.no_grad():
        made.model.first.weight.zero_()  # type: ignore[union-attr, operator]
        made.model.first.bias.fill_(-1.0)  # type: ignore[union-attr, operator]
    (look,) = Inside(made, (X, torch.zeros(4, 1)), 10, 0).looks
    assert (look.units[0].rms, look.units[0].between, look.units[0].zeros) == (0, None, 1)


def linear(frozen: bool = False) -> Parts:
    """One weight, w = 1, and y = 0: the loss is (w x)^2, and its slope 2 w x^2."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    held = nn.Linear(1, 1, bias=False)
    held.weight.requires_grad_(False)
    whole = nn.Sequential(model, held) if frozen else nn.Sequential(model)
    nn.init.ones_(held.weight)
    x = torch.ones(8, 1)
    given = torch.optim.SGD(model.parameters(), lr=0.25)
    return parts(whole, nn.MSELoss(), given, (x, torch.zeros(8, 1)), (x, torch.zeros(8, 1)), batch_size=8, epochs=10)


def test_gradients_and_updates_by_hand() -> None:
    """With x = 1 and a rate of 1/4 each step halves the weight: the update is as large as what is left of it."""
    made = linear(frozen=True)
    inside = Inside(made, made.train.first(8), 10, 0)
    train(made, watch=inside.after_step)
    assert [look.step for look in inside.looks] == [0, 1, 5, 10]
    for look in inside.looks:
        weight = 0.5**look.step
        assert look.norms == pytest.approx({"0.weight": weight, "1.weight": 1.0})
        assert look.gradients["0.weight"] == pytest.approx(2 * weight)
        assert look.gradients["1.weight"] is None
        assert look.gradient_norm == pytest.approx(2 * weight)
    assert inside.looks[0].updates == {"0.weight": None, "1.weight": None}
    for look in inside.looks[1:]:
        assert look.updates == pytest.approx({"0.weight": 1.0, "1.weight": 0.0})


def test_noise_is_how_much_batches_disagree() -> None:
    """Gradients 2 w x^2 agree where all x are alike; where half are 1 and half are 0 they do not."""

    def noise(x: Tensor, steps: int) -> float | None:
        model = nn.Linear(1, 1, bias=False)
        nn.init.ones_(model.weight)
        given = torch.optim.SGD(model.parameters(), lr=0.1)
        made = parts(model, nn.MSELoss(), given, (x, x * 0), (x, x * 0), batch_size=1, epochs=100)
        return Inside(made, made.train.first(4), steps, 0).looks[0].noise

    assert noise(torch.ones(4, 1), 100) == pytest.approx(0, abs=1e-10)
    # Four batches of one sample, gradients 2, 2, 0, 0: mean 1, variance 4/3.
    assert noise(torch.tensor([[1.0], [1.0], [0.0], [0.0]]), 100) == pytest.approx(4 / 3, rel=1e-5)
    assert noise(torch.ones(4, 1), 99) is None  # too short a training for it
    assert noise(torch.zeros(4, 1), 100) is None  # no mean to compare with


def network() -> Parts:
    torch.manual_seed(0)
    x, y = torch.randn(40, 6), torch.arange(40) % 3
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    given = torch.optim.Adam(model.parameters(), lr=0.01)
    return parts(model, nn.CrossEntropyLoss(), given, (x, y), (x, y), batch_size=8, epochs=4)


def test_nothing_is_changed_by_looking() -> None:
    alone, seen = network(), network()
    inside = Inside(seen, seen.train.first(8), 20, 0)
    assert repr(train(alone)) == repr(train(seen, watch=inside.after_step))
    assert len(inside.looks) == 4
    for (name, one), (_, other) in zip(alone.model.state_dict().items(), seen.model.state_dict().items(), strict=True):
        assert torch.equal(one, other), name
    assert all(
        one.training == other.training for one, other in zip(alone.model.modules(), seen.model.modules(), strict=True)
    )
    assert not any(module._forward_hooks for module in seen.model.modules())


def test_two_looks_are_the_same() -> None:
    made = network()
    one, other = (Inside(made, made.train.first(8), 20, 0).looks for _ in range(2))
    assert repr(one) == repr(other)


def test_dropping_is_not_taken_for_death() -> None:
    """Half of the values are dropped in training; a look is at what the units do themselves."""
    made = network()
    (relu,) = Inside(made, made.train.first(8), 20, 0).looks[0].units
    made.model[3].p = 0.0  # type: ignore[index, union-attr]
    (whole,) = Inside(made, made.train.first(8), 20, 0).looks[0].units
    assert relu == whole
    assert 0 < relu.zeros < 0.9


def test_what_cannot_be_looked_at_is_left_out_and_said() -> None:
    def choosy(output: Tensor, _: Tensor) -> Tensor:
        if len(output) != 8:
            raise ValueError("eight samples, please")
        return output.square().mean()

    made = network()
    made.loss = choosy
    unfit = Inside(made, made.train.first(5), 20, 0)
    assert unfit.looks == []
    assert unfit.unseen == ["units and gradients: ValueError: eight samples, please"]
    assert len(Inside(made, made.train.first(8), 20, 0).looks) == 1
