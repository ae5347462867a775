"""Steps with the user's own optimizer, against arithmetic, the user's own loop and programs with a planted fault."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.errors import BadValue
from trainwell.optimizers import optimizers
from trainwell.probes.step_change import Change, StepChange, step_change


@pytest.fixture
def sample(digits: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return digits[0][:64], digits[1][:64]


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def change(found: StepChange, name: str) -> Change:
    return next(c for c in found.changes if c.name == name)


def by_hand(model: nn.Module, optimizer: torch.optim.Optimizer, sample: Any, steps: int) -> list[float]:
    """The losses of the user's own loop, with a closure."""
    losses = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(sample[0]), sample[1])
        loss.backward()
        return loss

    for _ in range(steps):
        losses.append(F.cross_entropy(model(sample[0]), sample[1]).item())
        optimizer.step(closure)
    return [*losses, F.cross_entropy(model(sample[0]), sample[1]).item()]


def test_one_step_of_sgd_by_arithmetic() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    # (w x - y)^2 = (2 * 3 - 1)^2 = 25, g = 2 * 5 * 3 = 30; w = 2 - 0.01 * 30 = 1.7 and the loss (5.1 - 1)^2 = 16.81.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    found = step_change(model, F.mse_loss, optimizer, (torch.tensor([[3.0]]), torch.tensor([[1.0]])), steps=1)
    assert found.losses == pytest.approx((25, 16.81))
    assert found.fell
    only = change(found, "weight")
    assert (only.norm, only.gradient, only.held, only.changed, only.moved) == (2, 30, 1, 1, True)
    assert only.first == pytest.approx(0.15)
    assert only.all == only.first == found.first
    assert only.drift == pytest.approx(0.85)
    assert found.drift == pytest.approx(0.85)
    assert found.agreement == pytest.approx((16.81 - 25) / -9, rel=1e-5)
    assert found.descends == pytest.approx(1)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.Adam(p, lr=1e-2),
        lambda p: torch.optim.LBFGS(p, lr=0.5, max_iter=4),
        lambda p: optimizers.build(optimizers.part("sam", lr=0.1), [{"params": list(p)}]),
        lambda p: optimizers.build(optimizers.part("lookahead", lr=0.1), [{"params": list(p)}]),
    ],
    ids=["sgd", "adam", "lbfgs", "sam", "lookahead"],
)
def test_the_copy_goes_on_from_the_state_of_the_users_optimizer(make: Any, sample: Any) -> None:
    model = net()
    optimizer = make(model.parameters())
    by_hand(model, optimizer, sample, 3)
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    found = step_change(model, F.cross_entropy, optimizer, sample, steps=4)
    again = step_change(model, F.cross_entropy, optimizer, sample, steps=4)
    assert found == again
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    after = optimizer.state_dict()
    assert after["param_groups"] == state["param_groups"]
    assert equal(after["state"], state["state"])
    assert found.losses == pytest.approx(by_hand(model, optimizer, sample, 4), rel=1e-6)
    assert found.fell
    assert not found.foreign
    assert not found.not_held
    assert not found.unmoved


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def test_nothing_is_touched(mlp: nn.Module, sample: Any, nothing_touched: Any) -> None:
    optimizer = torch.optim.Adam(mlp.parameters())
    hooked = []
    optimizer.register_step_post_hook(lambda *_: hooked.append(1))
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    with nothing_touched(mlp, *sample):
        found = step_change(mlp, F.cross_entropy, optimizer, sample)
    assert found.frozen == ("0.weight",)
    assert not change(found, "0.weight").moved
    assert not optimizer.state
    assert not hooked
    assert scheduler.last_epoch == 0


def test_parameters_that_are_not_held(sample: Any) -> None:
    model = net()
    faulty = step_change(model, F.cross_entropy, torch.optim.SGD(model[2].parameters(), lr=0.1), sample)
    assert faulty.not_held == ("0.weight", "0.bias")
    assert change(faulty, "0.weight").first == 0
    assert change(faulty, "0.weight").gradient > 0
    assert change(faulty, "2.weight").first > 1e-3
    assert faulty.unmoved == ()
    # Fine-tuning looks like it: the layers that are not held are frozen.
    model[0].requires_grad_(False)
    tuned = step_change(model, F.cross_entropy, torch.optim.SGD(model[2].parameters(), lr=0.1), sample)
    assert tuned.not_held == ()
    assert tuned.frozen == ("0.weight", "0.bias")


def test_an_optimizer_of_another_model(sample: Any) -> None:
    model, before = net(), net()
    stale = step_change(model, F.cross_entropy, torch.optim.SGD(before.parameters(), lr=0.1), sample)
    assert stale.foreign == ((32, 64), (32,), (10, 32), (10,))
    assert stale.not_held == tuple(dict(model.named_parameters()))
    assert stale.first == 0
    assert not stale.fell
    assert len(set(stale.losses)) == 1
    assert (stale.agreement, stale.descends) == (None, None)
    fresh = step_change(model, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1), sample)
    assert (fresh.foreign, fresh.not_held) == ((), ())
    assert fresh.first > 1e-3
    assert fresh.fell


def test_the_losss_own_parameters_are_not_foreign(sample: Any) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            return F.cross_entropy(output * self.scale, target)

    model, loss = net(), Scaled()
    found = step_change(model, loss, torch.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1), sample)
    assert (found.foreign, found.of_loss) == ((), 1)
    assert loss.scale.item() == 1
    assert loss.scale.grad is None


def test_a_cut_graph_and_a_zero_gradient(sample: Any) -> None:
    class Cut(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return self[2](self[1](self[0](x)).detach())

    cut = Cut(*net())
    found = step_change(cut, F.cross_entropy, torch.optim.SGD(cut.parameters(), lr=0.1), sample)
    assert found.no_gradient == found.unmoved == ("0.weight", "0.bias")
    # A last layer of zeros starts like it: its gradient reaches the first layer from the second step on.
    zero = net()
    nn.init.zeros_(zero[2].weight)
    found = step_change(zero, F.cross_entropy, torch.optim.SGD(zero.parameters(), lr=0.1), sample)
    assert found.zero_gradient == ("0.weight", "0.bias")
    assert (found.no_gradient, found.unmoved) == ((), ())
    assert change(found, "2.weight").first is None
    assert change(found, "2.weight").drift is None
    assert change(found, "0.weight").first == 0 < change(found, "0.weight").all


def test_a_rate_too_high_overshoots(sample: Any) -> None:
    model = net()
    high, good, low = (
        step_change(model, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=lr), sample)
        for lr in (30.0, 0.1, 1e-4)
    )
    assert high.agreement < 0 < 0.5 < good.agreement < low.agreement == pytest.approx(1, abs=0.01)
    assert not high.fell
    assert good.fell
    assert high.drift > 10 > 1.1 > good.drift
    assert high.first == pytest.approx(300 * good.first, rel=1e-3)


def test_ascent_and_updates_below_rounding(sample: Any) -> None:
    model = net()
    up = step_change(model, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1, maximize=True), sample)
    assert up.descends == pytest.approx(-1)
    assert not up.fell
    half = net().bfloat16()
    batch = sample[0].bfloat16(), sample[1]
    shares = [
        change(step_change(m, F.cross_entropy, torch.optim.SGD(m.parameters(), lr=1e-3), b), "0.weight").changed
        for m, b in ((half, batch), (net(), sample))
    ]
    assert shares[0] < 0.2 < 0.8 < shares[1]


def test_optimizers_of_ones_own(sample: Any) -> None:
    class Plain(torch.optim.Optimizer):
        """Takes no closure, and has an attribute that torch's own copy loses."""

        def __init__(self, parameters: Any, lr: float) -> None:
            super().__init__(parameters, {"lr": lr})
            self.factor = 2.0

        def step(self) -> None:  # type: ignore[override]
            with torch.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p -= self.factor * group["lr"] * p.grad

    class Deaf(Plain):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
            super().step()

    model = net()
    expected = step_change(model, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.2), sample)
    for kind in (Plain, Deaf):
        found = step_change(model, F.cross_entropy, kind(model.parameters(), 0.1), sample)
        assert found.losses == pytest.approx(expected.losses, rel=1e-6)


def test_what_is_held_twice_and_tied_weights(sample: Any) -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups.append({**optimizer.param_groups[0], "params": [model[2].bias]})
    found = step_change(model, F.cross_entropy, optimizer, sample)
    assert [c.held for c in found.changes] == [1, 1, 1, 2]
    tied = nn.Sequential(nn.Linear(64, 64, bias=False), nn.Tanh(), nn.Linear(64, 64, bias=False))
    tied[2].weight = tied[0].weight
    found = step_change(tied, F.cross_entropy, torch.optim.SGD(tied.parameters(), lr=0.1), sample)
    assert [(c.name, c.held, c.moved) for c in found.changes] == [("0.weight", 1, True)]


def test_errors(sample: Any) -> None:
    model = net()
    with pytest.raises(BadValue, match="steps=0"):
        step_change(model, F.cross_entropy, torch.optim.SGD(model.parameters()), sample, steps=0)
    with pytest.raises(BadValue, match="got Linear"):
        step_change(model, F.cross_entropy, model[0], sample)  # type: ignore[arg-type]
