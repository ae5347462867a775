"""The loop against loops written by hand, its scores, and when it stops."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.clippings import clippings
from trainwell.data.batches import ArraySource, Feed
from trainwell.errors import Diverged
from trainwell.measurements import measurements
from trainwell.parameters import weights_of
from trainwell.penalties import penalties
from trainwell.training.engine import Engine
from trainwell.training.loop import Plan, Trainer, scored_steps

CPU = torch.device("cpu")


DROPPING = {"name": "mlp", "widths": [32], "dropout": "dropout", "norm": "batch"}


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def clamp(model: nn.Module) -> None:
    model.get_parameter("0.weight").data.clamp_(-0.1, 0.1)


def same(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in mine.items())


def test_the_network_learns(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    trainer = make(epochs=10)
    trainer.run(kept, quiet)
    first, last = kept.epochs()[0], kept.epochs()[-1]
    assert last["objective"] < first["objective"] / 3
    assert last["train_accuracy"] > 0.95
    assert last["valid_accuracy"] > 0.8
    assert (last["epoch"], last["step"]) == (round(31 * 32 / 100, 4), 31)
    assert [line["step"] for line in kept.epochs()] == list(trainer.plan.epoch_steps)
    assert quiet.steps[-1][:3] == (31, 31, 31 * 32)
    assert trainer.finished


def test_the_same_seed_gives_the_same_bits_and_another_one_others(make: Callable[..., Trainer], quiet: Any) -> None:
    results: list[nn.Module] = []
    for seed in (0, 0, 1):
        trainer = make(DROPPING, seed=seed, init=0)
        torch.manual_seed(len(results))  # whatever the program around it does
        trainer.run(KeeperOfNothing(), quiet)
        results.append(trainer.model)
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


class KeeperOfNothing:
    def line(self, kind: str, values: dict[str, Any]) -> None:
        pass

    def save(self, trainer: Trainer) -> None:
        pass

    def best(self, trainer: Trainer) -> None:
        pass


def test_torchs_own_random_state_is_left_as_it_was(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    make(epochs=1).run(kept, quiet)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_hand_written_loop_gives_the_same_weights(
    feeds: Callable[..., tuple[Feed, Feed]], kept: Any, quiet: Any
) -> None:
    factors = [0.5, 1.0, 0.8, 0.6, 0.4, 0.2, 0.1]
    mine, theirs = network(), network()
    plan = Plan(
        functional.cross_entropy,
        functional.cross_entropy,
        factors,
        [3, 7],
        clip=clippings.bind({"name": "norm", "limit": 0.5}),
        penalties=[penalties.bind({"name": "l2", "strength": 0.01})],
        constraints=[clamp],
    )
    train, valid = feeds()
    sgd = torch.optim.SGD(mine.parameters(), lr=9.0, momentum=0.9)
    Trainer(mine, sgd, 0.3, train, valid, Engine(CPU, "fp32", "contiguous", False, 1), plan).run(kept, quiet)

    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.3, momentum=0.9)
    for step, factor in enumerate(factors):
        optimizer.param_groups[0]["lr"] = 0.3 * factor
        x, y = train.batch(step)
        optimizer.zero_grad()
        loss = functional.cross_entropy(theirs(x), y)
        for penalty in plan.penalties:
            loss = loss + penalty(theirs)
        loss.backward()
        assert plan.clip is not None
        plan.clip(list(theirs.parameters()))
        optimizer.step()
        clamp(theirs)
    assert same(mine, theirs)
    assert float(mine.get_parameter("0.weight").detach().abs().max()) == pytest.approx(0.1)


def test_a_group_steps_at_rate_times_multiplier_times_its_scale(feeds: Callable[..., tuple[Feed, Feed]]) -> None:
    model = network()
    groups: list[dict[str, Any]] = [
        {"params": model.get_submodule("0").parameters()},
        {"params": model.get_submodule("2").parameters(), "rate_scale": 4.0},
    ]
    train, _ = feeds()
    plan = Plan(functional.cross_entropy, functional.cross_entropy, [0.5, 0.25], [2])
    sgd = torch.optim.SGD(groups, lr=9.0)
    trainer = Trainer(model, sgd, 0.1, train, None, Engine(CPU, "fp32", "contiguous", False, 1), plan)
    for factor in (0.5, 0.25):
        before = [p.detach().clone() for p in model.parameters()]
        trainer.advance()
        for number, (old, new) in enumerate(zip(before, model.parameters(), strict=True)):
            rate = 0.1 * factor * (1 if number < 2 else 4)
            assert new.grad is not None
            assert torch.allclose(new, old - rate * new.grad, atol=1e-7)
            assert not torch.equal(new, old)


class TwoPass(torch.optim.SGD):
    """Steps by the gradient at twice the weights."""

    def step(self, closure: Any = None) -> Any:
        loss = closure()
        parameters = [p for group in self.param_groups for p in group["params"]]
        with torch.no_grad():
            torch._foreach_mul_(parameters, 2.0)
        closure()
        with torch.no_grad():
            torch._foreach_mul_(parameters, 0.5)
        super().step()
        return loss


def test_an_optimizer_may_ask_for_the_gradient_twice(feeds: Callable[..., tuple[Feed, Feed]]) -> None:
    model, reference = network(), network()
    train, _ = feeds()
    plan = Plan(functional.cross_entropy, functional.cross_entropy, [1.0], [1], two_pass=True)
    optimizer = TwoPass(model.parameters(), lr=0.1)
    trainer = Trainer(model, optimizer, 0.1, train, None, Engine(CPU, "fp32", "contiguous", False, 1), plan)
    trainer.advance()
    x, y = train.batch(0)
    doubled = {name: (2 * p.detach()).requires_grad_() for name, p in reference.named_parameters()}
    functional.cross_entropy(torch.func.functional_call(reference, doubled, (x,)), y).backward()
    for name, p in reference.named_parameters():
        grad = doubled[name].grad
        assert grad is not None
        assert torch.allclose(model.get_parameter(name), p - 0.1 * grad, atol=1e-6)
    first = functional.cross_entropy(reference(x), y).detach()
    assert float(trainer.running_loss) == pytest.approx(float(first), rel=1e-6)


def test_bf16_and_channels_last_learn_too(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    trainer = make(
        {"name": "convnet", "width": 8},
        {"name": "adamw", "lr": 0.01},
        layout="channels_last",
        precision="bf16",
        epochs=15,
    )
    trainer.run(kept, quiet)
    assert kept.epochs()[-1]["train_accuracy"] > 0.9
    assert all(p.dtype == torch.float32 for p in trainer.model.parameters())


def test_each_step_drops_other_units_and_the_same_in_every_run(make: Callable[..., Trainer]) -> None:
    def masks() -> list[Tensor]:
        trainer, seen = make({"name": "mlp", "widths": [256], "dropout": "dropout", "activation": "identity"}), []
        dropping = next(module for module in trainer.model.modules() if hasattr(module, "draws"))
        dropping.register_forward_hook(lambda *call: seen.append(call[2] == 0))
        for _ in range(3):
            trainer.advance()
        return seen

    first, again = masks(), masks()
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert 0.45 < float((first[0] == first[1]).float().mean()) < 0.55


def test_measurements_are_written_every_so_many_steps(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    trainer = make(
        measurements={"gradient_norm": measurements.bind("gradient_norm")},
        measure_every=5,
        clip=clippings.bind({"name": "norm", "limit": 0.01}),
    )
    trainer.run(kept, quiet)
    lines = [line for line in kept.lines if line["kind"] == "measure"]
    assert [line["step"] for line in lines] == [5, 10]
    assert set(lines[0]) == {"kind", "step", "lr", "loss", "gradient_norm"}
    assert lines[0]["gradient_norm"] > 0.01  # before clipping
    assert lines[1]["lr"] == pytest.approx(trainer.rate * trainer.plan.multipliers[9])
    assert all(isinstance(value, float) for value in lines[0].values() if not isinstance(value, int | str))


def test_a_measured_step_carries_what_the_optimizer_added_and_no_more(make: Callable[..., Trainer]) -> None:
    """Lion adds the rate, up or down; the constraint and the average behind it change the weights too."""
    seen = []
    trainer = make(
        optimizer={"name": "lion", "weight_decay": 0.0},
        measurements={"spy": lambda step: seen.append((step.lr, step.updates)) or {}},
        measure_every=5,
        constraints=[penalties.bind({"name": "max_norm", "limit": 0.1})],
        average={"name": "lookahead", "every": 1},
    )
    before = [weight.detach().clone() for weight in weights_of(trainer.model)]
    for _ in range(5):
        trainer.advance()
    ((lr, updates),) = seen
    assert [update.shape for update in updates] == [weight.shape for weight in before]
    for update in updates:
        moved = update[update != 0.0].abs()
        assert len(moved) > 0.1 * update.numel()
        torch.testing.assert_close(moved, torch.full_like(moved, lr), rtol=1e-2, atol=1e-7)


def broken_feed(step: int) -> Feed:
    """Values to predict of which one is NaN, seen first at this step."""
    x, y = torch.linspace(-1, 1, 40).view(40, 1), torch.ones(40, 1)
    given: dict[str, Any] = {"images": False, "prepare": None, "num_classes": None, "device": CPU, "seed": 0}
    feed = Feed(ArraySource(x), y, torch.arange(40).numpy(), batch_size=4, **given)
    feed.target[int(feed.stream.at(step)[0][2])] = math.nan
    return feed


def test_nan_stops_before_it_reaches_the_weights(kept: Any, quiet: Any) -> None:
    model = nn.Linear(1, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    plan = Plan(functional.mse_loss, functional.mse_loss, [0.5] * 20, [10, 20])
    engine = Engine(CPU, "fp32", "contiguous", False, 1)
    trainer = Trainer(model, sgd, 0.2, broken_feed(6), None, engine, plan)
    with pytest.raises(Diverged) as caught:
        trainer.run(kept, quiet)
    last = quiet.steps[-1][3] * 6 - quiet.steps[-2][3] * 5  # the running mean after six steps and after five
    assert str(caught.value).startswith(
        "The loss became nan at step 7 of 20 (epoch 0.60), at learning rate 0.1; the last finite loss was "
    )
    assert float(str(caught.value).split()[-1].rstrip(".")) == pytest.approx(last, rel=0.01)
    assert trainer.step == 6
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert kept.saved == ({}, {})


def test_a_rate_far_too_high_is_told(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    with pytest.raises(Diverged, match=r"The loss became (nan|inf) at step \d+ of 12 .* at learning rate"):
        make(optimizer={"name": "sgd", "lr": 1e30}).run(kept, quiet)


@pytest.mark.parametrize(
    ("steps", "epochs", "expected"),
    [
        (100, 10, list(range(10, 101, 10))),
        (25, 2.5, [10, 20, 25]),
        (2, 0.16, [2]),
        (1, 1, [1]),
        (3, 10, [1, 2, 3]),
        (8, 3, [3, 5, 8]),
    ],
)
def test_a_run_is_scored_at_the_ends_of_its_epochs(steps: int, epochs: float, expected: list[int]) -> None:
    assert scored_steps(steps, epochs) == expected


def test_a_long_run_is_scored_a_hundred_times() -> None:
    steps = scored_steps(10_000, 1000)
    assert len(steps) == 100
    assert (steps[0], steps[-1]) == (100, 10_000)
    assert len(scored_steps(1500, 150)) == 75


def test_a_mixed_objective_is_not_what_is_reported(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    def smoothed(output: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(output, target, label_smoothing=0.5)

    trainer = make(loss=smoothed, augment=[{"name": "mixup", "alpha": 1.0}])
    trainer.run(kept, quiet)
    line = kept.epochs()[-1]
    x, y = next(trainer.feed.passes(1000))
    trainer.model.eval()
    assert line["train_loss"] == pytest.approx(functional.cross_entropy(trainer.model(x), y).item(), rel=1e-4)
    assert line["objective"] > line["train_loss"]
