import math
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import SGD, lr_scheduler

from trainwell.errors import BadValue, UnknownName
from trainwell.schedules import multipliers, reaction, scaled_rate, schedules

PROGRESS = (0.0, 0.25, 0.5, 0.75, 1.0)
STEPS = 40


def torchs(make: Callable[[SGD], Any], steps: int = STEPS) -> list[float]:
    """The multiplier of each step and the one behind the last, as torch's scheduler has them."""
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("id", "args", "expected"),
    [
        ("constant", {}, [1, 1, 1, 1, 1]),
        ("linear", {"final": 0.2}, [1, 0.8, 0.6, 0.4, 0.2]),
        ("cosine", {}, [1, 0.5 + 0.5 * math.sqrt(0.5), 0.5, 0.5 - 0.5 * math.sqrt(0.5), 0]),
        ("cosine", {"final": 0.5}, [1, 0.75 + 0.25 * math.sqrt(0.5), 0.75, 0.75 - 0.25 * math.sqrt(0.5), 0.5]),
        ("step", {}, [1, 1, 0.1, 0.01, 0.01]),
        ("step", {"at": (0.2, 1.0), "factor": 0.5}, [1, 0.5, 0.5, 0.5, 0.25]),
        ("exponential", {"final": 0.0016}, [1, 0.2, 0.04, 0.008, 0.0016]),
        ("polynomial", {"power": 2.0, "final": 0.2}, [1, 0.65, 0.4, 0.25, 0.2]),
        ("inverse_sqrt", {"offset": 0.25}, [1, math.sqrt(1 / 2), math.sqrt(1 / 3), 0.5, math.sqrt(1 / 5)]),
        # cycles of 1/3 and 2/3: at 3/4 of the first, and 1/4, 5/8 and all of the second
        (
            "restarts",
            {"cycles": 2},
            [
                1,
                0.5 - 0.5 * math.sqrt(0.5),
                0.5 + 0.5 * math.sqrt(0.5),
                0.5 - 0.5 * math.sin(math.pi / 8),
                0,
            ],
        ),
        # up to the peak at 1/2, where the fall begins
        (
            "one_cycle",
            {"rise": 0.5, "div": 4.0, "final_div": 25.0},
            [0.25, 0.625, 1, 0.505, 0.01],
        ),
        ("warmup", {"fraction": 0.5, "start": 0.2, "then": {"name": "linear"}}, [0.2, 0.6, 1, 0.5, 0]),
    ],
)
def test_at_five_points(id: str, args: dict, expected: list[float]) -> None:
    assert [schedules[id](progress, **args) for progress in PROGRESS] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("id", "args", "make"),
    [
        ("constant", {}, lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        ("linear", {"final": 0.1}, lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, total_iters=STEPS)),
        ("cosine", {"final": 0.05}, lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.05)),
        (
            "step",
            {"at": (0.3, 0.6, 0.9), "factor": 0.3},
            lambda o: lr_scheduler.MultiStepLR(o, [12, 24, 36], gamma=0.3),
        ),
        ("exponential", {"final": 0.02}, lambda o: lr_scheduler.ExponentialLR(o, 0.02 ** (1 / STEPS))),
        ("polynomial", {}, lambda o: lr_scheduler.PolynomialLR(o, STEPS, power=0.9)),
        (
            "restarts",
            {"cycles": 2, "t_mult": 3.0, "final": 0.1},
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 10, T_mult=3, eta_min=0.1),
        ),
        (
            "restarts",
            {"cycles": 4, "t_mult": 1.0},
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 10),
        ),
    ],
)
def test_agrees_with_torch_in_every_step(id: str, args: dict, make: Callable[[SGD], Any]) -> None:
    # PolynomialLR multiplies ratios, of which the last is 0 / 0 or nearly so: compared up to the last step
    assert multipliers({"name": id, **args}, STEPS) == pytest.approx(torchs(make)[:STEPS], rel=1e-6, abs=1e-9)


def test_one_cycle_has_the_shape_of_torchs() -> None:
    """Torch's phases end at step rise x T - 1 and T - 1, ours at the progress `rise` and 1: compared phase by phase."""
    optimizer_args = {"max_lr": 1.0, "total_steps": STEPS, "pct_start": 0.25, "cycle_momentum": False}
    rates = torchs(lambda o: lr_scheduler.OneCycleLR(o, **optimizer_args), STEPS - 2)
    for step, rate in enumerate(rates):
        progress = 0.25 * step / 9 if step < 9 else 0.25 + 0.75 * (step - 9) / 30
        assert schedules["one_cycle"](progress, rise=0.25) == pytest.approx(rate, rel=1e-9)


def test_inverse_sqrt_behind_a_warm_up_is_that_of_the_transformer() -> None:
    steps, warm = 440, 40
    ours = multipliers({"name": "inverse_sqrt", "offset": warm / (steps - warm)}, steps, warm / steps)
    paper = [min(step**-0.5, step * warm**-1.5) for step in range(1, steps + 1)]
    # Our rise ends at step 40 and the fall begins at the next, which is the paper's step 40 again: one step apart.
    assert ours[:warm] == pytest.approx([rate / warm**-0.5 for rate in paper[:warm]])
    assert ours[warm:] == pytest.approx([rate / warm**-0.5 for rate in paper[warm - 1 : -1]])


@pytest.mark.parametrize("cycles", range(1, 8))
@pytest.mark.parametrize("t_mult", [1, 2, 3])
def test_restarts_jump_at_the_step_that_lies_on_the_end_of_a_cycle(cycles: int, t_mult: int) -> None:
    lengths = [5 * t_mult**cycle for cycle in range(cycles)]
    values = multipliers({"name": "restarts", "cycles": cycles, "t_mult": t_mult}, sum(lengths))
    peaks = [step for step, value in enumerate(values) if value == 1.0]
    assert peaks == [sum(lengths[:cycle]) for cycle in range(cycles)]


HISTORIES = {
    "falls, then stays": [1.0, 0.8, 0.6, *[0.5] * 20],
    "never falls": [1.0 + 0.01 * epoch for epoch in range(25)],
    "falls by less than the threshold": [0.99995**epoch for epoch in range(25)],
    "jumps about": list(np.random.default_rng(0).normal(1.0, 0.2, 60) * 0.97 ** np.arange(60)),
}


@pytest.mark.parametrize("losses", HISTORIES.values(), ids=HISTORIES.keys())
@pytest.mark.parametrize(("patience", "cooldown", "threshold"), [(1, 0, 1e-4), (3, 0, 0.0), (3, 4, 1e-4), (5, 2, 0.05)])
def test_plateau_cuts_when_torch_does(losses: list[float], patience: int, cooldown: int, threshold: float) -> None:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    # torch counts the epochs beyond `patience`, and leaves a change of less than eps undone
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=0.3,
        patience=patience - 1,
        threshold=threshold,
        cooldown=cooldown,
        min_lr=0.01,
        eps=0.0,
    )
    args = {"factor": 0.3, "patience": patience, "threshold": threshold, "cooldown": cooldown, "final": 0.01}
    for epoch, loss in enumerate(losses, start=1):
        scheduler.step(loss)
        ours = schedules["plateau"](0.5, losses[:epoch], **args)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def test_plateau_by_hand() -> None:
    # Best at the second epoch; 3 without improvement bring a cut, the NaN among them; then two that do not count.
    losses = [1.0, 0.5, 0.6, math.nan, 0.5, 0.4, 0.41, 0.42, 0.43, 0.44]
    args = {"factor": 0.1, "patience": 3, "cooldown": 2, "final": 0.005}
    seen = [schedules["plateau"](0.0, losses[:epoch], **args) for epoch in range(len(losses) + 1)]
    assert seen == pytest.approx([1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01])
    assert schedules["plateau"](0.0, [1.0] * 100, **args) == 0.005


def test_plateau_of_losses_below_0_takes_a_fall_for_one() -> None:
    """A share of the best loss is counted from its size: -1.05 is better than -1, -1 + 1e-5 is not."""
    args = {"factor": 0.1, "patience": 1, "threshold": 1e-4}
    assert schedules["plateau"](0.0, [-1.0, -1.05, -1.1], **args) == 1.0
    assert schedules["plateau"](0.0, [-1.0, -1.0 + 1e-5], **args) == 0.1


def test_warmup_hold_plateau_by_hand() -> None:
    react = reaction({"name": "warmup_hold_plateau", "warmup": 0.2, "start": 0.5, "patience": 2, "factor": 0.1})
    assert [react(p, [1.0] * 20) for p in (0.0, 0.1, 0.19999)] == pytest.approx([0.5, 0.75, 1.0], abs=1e-4)
    assert react(0.2, []) == 1.0
    assert react(0.3, [1.0, 0.9, 0.8]) == 1.0
    assert react(0.9, [1.0, 0.9, 0.8, 0.8, 0.8]) == pytest.approx(0.1)
    assert react(0.9, [1.0, 0.9, 0.8, 0.8, 0.8, 0.7, 0.7, 0.7]) == pytest.approx(0.01)


def test_a_reaction_takes_microseconds() -> None:
    """A step of a tiny network takes 123 us; the longest history, of a hundred scores, is to be lost beside it."""
    react = reaction("plateau")
    losses = list(np.random.default_rng(0).random(100))
    seconds = min(timeit.repeat(lambda: react(0.5, losses), number=100, repeat=5)) / 100
    assert seconds < 50e-6


def test_warm_up_by_hand() -> None:
    assert multipliers("linear", 8, 0.5) == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25])


def test_warm_up_from_a_start() -> None:
    assert multipliers("constant", 6, 0.5, start=0.2) == pytest.approx([0.2, 0.6, 1.0, 1.0, 1.0, 1.0])


def test_edges_of_warm_up() -> None:
    assert multipliers({"name": "linear", "final": 0.5}, 2) == [1.0, 0.75]
    assert multipliers("linear", 3, 1.0) == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert multipliers("linear", 1, 1.0) == [1.0]
    assert multipliers("linear", 3, 0.1) == pytest.approx([1.0, 2 / 3, 1 / 3])  # a tenth of 3 steps is none


def test_the_schedule_warmup_takes_another_with_its_arguments() -> None:
    part = schedules.part("warmup", then={"name": "cosine", "final": 0.5}, fraction=0.25)
    assert schedules.resolve(part).json()["then"] == {"name": "cosine", "final": 0.5}
    assert schedules.part(schedules.resolve(part).json()) == schedules.resolve(part)
    assert schedules.resolve("warmup").json()["then"] == {"name": "constant"}
    assert multipliers(part, 8)[2:] == pytest.approx(multipliers({"name": "cosine", "final": 0.5}, 6))
    with pytest.raises(UnknownName, match="no schedule called 'cosin'"):
        schedules.part("warmup", then="cosin")


def test_the_schedule_warmup_refuses_what_cannot_follow() -> None:
    with pytest.raises(BadValue, match=r"warmup.then=plateau is not possible: it goes by the losses"):
        schedules["warmup"](0.5, then="plateau")
    with pytest.raises(BadValue, match=r"warmup.then=one_cycle is not possible: it has a rise of its own"):
        multipliers({"name": "warmup", "then": "one_cycle"}, 10)


def test_scaled_rate_by_hand() -> None:
    assert scaled_rate(0.1, 1024, 256, "linear") == pytest.approx(0.4)
    assert scaled_rate(0.1, 1024, 256, "sqrt") == pytest.approx(0.2)
    assert scaled_rate(0.1, 64, 256, "sqrt") == pytest.approx(0.05)
    for args, text in (
        ((0.0, 1, 1, "linear"), r"rate=0.0 is not possible: expected a value in \(0, inf\)"),
        ((0.1, 0, 1, "linear"), r"batch=0"),
        ((0.1, 1, 0, "sqrt"), r"reference_batch=0"),
        ((0.1, 1, 1, "log"), r"rule='log' is not possible: expected one of 'linear', 'sqrt'"),
    ):
        with pytest.raises(BadValue, match=text):
            scaled_rate(*args)


def test_impossible_values_are_refused() -> None:
    with pytest.raises(BadValue, match="at least one step, got 0"):
        multipliers("linear", 0)
    with pytest.raises(BadValue, match=r"warmup_fraction=1.5 is not possible: expected a value in \[0, 1\]"):
        multipliers("linear", 10, 1.5)
    with pytest.raises(BadValue, match=r"start=-0.1"):
        multipliers("linear", 10, 0.5, -0.1)
    with pytest.raises(BadValue, match=r"step.at=\(0.5, 1.5\) is not possible: expected shares of the run"):
        multipliers({"name": "step", "at": (0.5, 1.5)}, 10)


@pytest.mark.parametrize(
    ("id", "args"),
    [
        ("cosine", {"final": 2}),
        ("linear", {"final": -0.1}),
        ("step", {"factor": 0}),
        ("exponential", {"final": 0}),
        ("polynomial", {"power": 0}),
        ("inverse_sqrt", {"offset": 0}),
        ("restarts", {"cycles": 0}),
        ("restarts", {"t_mult": 0.5}),
        ("one_cycle", {"rise": 1.0}),
        ("one_cycle", {"div": 0.5}),
        ("plateau", {"factor": 1.0}),
        ("plateau", {"patience": 0}),
        ("warmup", {"fraction": 1.0}),
        ("warmup_hold_plateau", {"warmup": 0}),
    ],
)
def test_values_outside_the_limits_are_refused(id: str, args: dict) -> None:
    (name,) = args
    with pytest.raises(BadValue, match=rf"{id}\.{name}={args[name]} is not possible: expected a value in"):
        schedules.part(id, **args)
