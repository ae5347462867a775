"""Each member of a population ends as its own training by the loop does."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from trainwell.data.dataset import Data
from trainwell.search.population import Population
from trainwell.training.setup import Setup

from .conftest import Alone, engine

TOLERANCE = 2e-5  # weights are of size 0.1 to 1 and rounded at 1e-7; a training carries the difference on

SGD: dict[str, Any] = {"name": "sgd", "lr": 0.05}
# Where a gradient is nothing but rounding, Adam makes a whole step of it: eps stands well above that.
ADAMW: dict[str, Any] = {"name": "adamw", "lr": 3e-3, "eps": 1e-4}
EMA = {"name": "ema", "decay": 0.8}
DROPPING = {"name": "mlp", "widths": (16, 16), "norm": "batch", "dropout": {"name": "dropout", "p": 0.3}}
CONVNET: dict[str, Any] = {
    "name": "convnet",
    "width": 3,
    "blocks": 2,
    "convolutions": 1,
    "conv_dropout": {"name": "channel_dropout", "p": 0.2},
}
SEEDS = [{}, {"seed": 1}, {"seed": 2}]
RATES = [{"optimizer": SGD | {"lr": lr}} for lr in (0.01, 0.05, 0.2)]

TABLES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "rates": ({}, RATES),
    "large": ({"model": {"name": "mlp", "widths": (80, 64), "skip": True}}, [*RATES, {"seed": 3}]),
    "large, momentum": (
        {"model": {"name": "mlp", "widths": (80, 64), "norm": "batch"}},
        [
            {"optimizer": SGD | {"momentum": m, "weight_decay": d}, "norm_bias_rate": n}
            for m, d, n in ((0.0, 0.0, 1.0), (0.5, 0.1, 3.0), (0.95, 0.01, 1.0))
        ],
    ),
    "large, adamw": (
        {"model": {"name": "mlp", "widths": (80, 64), "norm": "batch"}},
        [
            {"optimizer": ADAMW | {"weight_decay": d, "beta1": b, "beta2": c, "eps": e}, "norm_bias_rate": n}
            for d, b, c, e, n in ((0.0, 0.9, 0.999, 1e-4, 1.0), (0.3, 0.0, 0.9, 1e-2, 3.0))
        ],
    ),
    "momentum, decay": (
        {},
        [{"optimizer": SGD | {"momentum": m, "weight_decay": d}} for m, d in ((0.0, 0.01), (0.5, 0.0), (0.9, 0.1))],
    ),
    "heavy ball": ({"optimizer": SGD | {"nesterov": False}}, SEEDS),
    "adam": (
        {},
        [
            {"optimizer": {"name": "adam", "lr": 3e-3, "beta1": b, "beta2": c, "eps": e}}
            for b, c, e in ((0.9, 0.99, 1e-4), (0.5, 0.9, 1e-2))
        ],
    ),
    "dropout, batch norm": ({"model": DROPPING, "optimizer": ADAMW}, SEEDS),
    "chances, scales": (
        {"optimizer": ADAMW},
        [
            {"model": DROPPING | {"dropout": {"name": "dropout", "p": p, "scaling": s}, "head_scale": h}}
            for p, s, h in ((0.0, "evaluation", 1.0), (0.4, "evaluation", 0.0), (0.6, "evaluation", 0.1))
        ],
    ),
    "smoothing, clipping": (
        {},
        [
            {"loss": {"name": "cross_entropy", "smoothing": 0.2}, "clip": {"name": "norm", "limit": 0.3}, "seed": 1},
            {"loss": "cross_entropy", "clip": None},
            {"loss": {"name": "cross_entropy", "smoothing": 0.1}, "clip": {"name": "norm", "limit": 0.1}},
        ],
    ),
    "clipping by value": ({}, [{"clip": {"name": "value", "limit": limit}} for limit in (0.01, 0.1)]),
    "clippings": (
        {},
        [{"clip": None}, {"clip": {"name": "value", "limit": 0.01}}, {"clip": {"name": "norm", "limit": 0.1}}],
    ),
    "averages": (
        {"model": DROPPING},
        [
            {"average": {"name": "ema", "decay": 0.8}},
            {"average": {"name": "ema", "decay": 0.8}, "seed": 1},
            {"average": "swa"},
        ],
    ),
    "lookahead, last": ({"average": {"name": "lookahead", "every": 2}, "keep": "last"}, SEEDS),
    "layer norm, prelu": ({"model": DROPPING | {"norm": "layer", "activation": "prelu"}}, SEEDS),
    "maxout, mixed": ({"model": DROPPING | {"activation": "maxout"}, "augment": "mixup"}, SEEDS),
    "rates of shifts": ({"model": DROPPING}, [{"norm_bias_rate": rate} for rate in (1.0, 8.0)]),
    "lengths, patience": ({"epochs": 2.0}, [{}, {"epochs": 4.5}, {"epochs": 8.0, "patience": 1, "seed": 1}]),
    "weighted": ({"loss": {"name": "cross_entropy", "weights": "balanced"}}, SEEDS),
    "balances": (
        {},
        [{"balance": kind, "seed": seed} for kind, seed in (("sampler", 0), ("none", 0), ("weights", 1), ("prior", 1))],
    ),
    "preparations": ({}, [{"preprocess": name} for name in ("standardize", "min_max", "zero_center")]),
    "focal, by loss": ({"loss": "focal", "monitor": "valid_loss"}, SEEDS),
}
IMAGES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "batch norm": ({"model": CONVNET, "clip": "norm"}, [*RATES, {"norm_bias_rate": 4.0}]),
    "scales": ({}, [{"model": CONVNET | {"head_scale": scale}} for scale in (0.1, 0.5)]),
    "seeds, moved": ({"model": CONVNET, "optimizer": ADAMW, "augment": ["crop", "mixup"]}, SEEDS),
    "strength": (
        {"model": CONVNET | {"head_scale": 1.0}},
        [{"augment": [{"name": "mixup", "alpha": alpha}]} for alpha in (0.1, 0.5)],
    ),
    "group norm, plain dropout": (
        {
            "model": CONVNET
            | {
                "width": 4,
                "norm": {"name": "group", "num_groups": 2},
                "conv_dropout": "dropout",
                "last_pooling": "global_avg",
            }
        },
        SEEDS,
    ),
    "lenet": ({"model": "lenet"}, SEEDS),
    "flat": ({"model": DROPPING}, SEEDS),
}


def together(setups: list[Setup], layout: str = "contiguous") -> Population:
    population = Population(setups, engine(layout))
    while steps := population.steps_to_score:
        population.advance(steps)
        population.scores()
    return population


def check(population: Population, index: int, alone: Alone) -> None:
    """The member has the weights, the scores, the length and the choice of its training alone."""
    member, mine = population.members[index], population.weights(index)
    assert mine.keys() == alone.weights.keys()
    for name, value in alone.weights.items():
        assert torch.allclose(mine[name], value, rtol=TOLERANCE, atol=TOLERANCE), name
    assert [score.step for score in member.scores] == [line["step"] for line in alone.lines]
    assert [score.epoch for score in member.scores] == pytest.approx([line["epoch"] for line in alone.lines], abs=1e-4)
    for score, line in zip(member.scores, alone.lines, strict=True):
        assert score.valid_loss == pytest.approx(line["valid_loss"], rel=1e-4)
        assert score.train_loss == pytest.approx(line["objective"], rel=1e-4)
        value = line[member.plan.monitor]
        sign = -1 if member.plan.monitor == "valid_loss" else 1
        assert score.value == pytest.approx(sign * value, rel=1e-4)
    assert member.best is not None and member.best.epoch == alone.trainer.best_epoch
    assert member.stopped_early == alone.trainer.stopped_early
    alone.setup.model.load_state_dict(mine)


@pytest.mark.parametrize("case", TABLES)
def test_on_a_table(case: str, table: Data, setups: Callable[..., list[Setup]], alone: Callable[..., Alone]) -> None:
    common, each = TABLES[case]
    members = setups(table, common, each)
    population = together(members)
    assert all(member.finished for member in population.members)
    for index, setup in enumerate(members):
        check(population, index, alone(setup))


@pytest.mark.parametrize("case", IMAGES)
def test_on_images(case: str, images: Data, setups: Callable[..., list[Setup]], alone: Callable[..., Alone]) -> None:
    common, each = IMAGES[case]
    members = setups(images, common, each)
    population = together(members)
    for index, setup in enumerate(members):
        check(population, index, alone(setup))


def test_maps_channels_last(images: Data, setups: Callable[..., list[Setup]], alone: Callable[..., Alone]) -> None:
    members = setups(images, {"model": CONVNET | {"conv_dropout": "dropout"}}, SEEDS)
    population = together(members, "channels_last")
    for index, setup in enumerate(members):
        check(population, index, alone(setup, "channels_last"))


def test_values_to_predict(line: Data, setups: Callable[..., list[Setup]], alone: Callable[..., Alone]) -> None:
    members = setups(line, {"loss": "mse", "epochs": 6.0}, SEEDS)
    population = together(members)
    for index, setup in enumerate(members):
        check(population, index, alone(setup))
    assert population.members[0].best is not None and population.members[0].best.value > 0.3


def test_members_that_leave_and_join(
    table: Data, setups: Callable[..., list[Setup]], alone: Callable[..., Alone]
) -> None:
    common: dict[str, Any] = {
        "model": DROPPING | {"widths": (80, 16)},  # one layer large enough to be stepped by itself
        "optimizer": ADAMW,
        "average": EMA,
        "clip": "norm",
    }
    first = setups(table, common, [{}, {"seed": 1}, {"seed": 2}])
    joined = setups(table, common, [{"seed": 2}, {"seed": 5}])  # one of a seed that is there, at another step
    population = Population(first, engine())
    population.advance(5)
    assert [score is not None for score in population.scores()] == [True] * 3
    population.leave([1])
    population.join(joined)
    assert [member.setup for member in population.members] == [first[0], first[2], *joined]
    population.advance(3)
    population.leave([3])
    while steps := population.steps_to_score:
        population.advance(steps)
        population.scores()
    assert [member.step for member in population.members] == [15, 15, 15]
    for index, setup in enumerate((first[0], first[2], joined[0])):
        check(population, index, alone(setup))


def test_a_member_that_diverges_disturbs_no_other(
    table: Data, setups: Callable[..., list[Setup]], alone: Callable[..., Alone]
) -> None:
    members = setups(table, {"optimizer": SGD}, [{}, {"optimizer": SGD | {"lr": 1e6}, "seed": 1}, {"seed": 2}])
    population = Population(members, engine())
    population.advance(5)
    scored = population.scores()
    assert [score is not None and math.isfinite(score.value) for score in scored] == [True, False, True]
    lost = population.members[1]
    assert lost.diverged and lost.finished and lost.step < 5
    assert population.scores() == [None, None, None]
    while steps := population.steps_to_score:
        losses = population.advance(steps)
        population.scores()
        assert [bool(losses[index].isfinite()) for index in range(3)] == [True, False, True]
    for index in (0, 2):
        check(population, index, alone(members[index]))


def test_those_that_ended_unscored_are_scored_with_what_they_ended_with(
    table: Data, setups: Callable[..., list[Setup]], alone: Callable[..., Alone]
) -> None:
    common = {"model": DROPPING, "average": EMA, "clip": "norm", "keep": "last"}
    members = setups(table, common, [{"epochs": 2.0}, {"epochs": 5.0, "seed": 1}, {"epochs": 1.0}])
    population = Population(members, engine())
    losses = population.advance(25)
    assert [bool(loss.isfinite()) for loss in losses] == [False, True, False]
    assert [member.step for member in population.members] == [10, 25, 5]
    for index, score in enumerate(population.scores()):
        expected = alone(members[index])
        assert score is not None and score.valid_loss == pytest.approx(expected.lines[-1]["valid_loss"], rel=1e-4)
        for name, value in expected.weights.items():
            assert torch.allclose(population.weights(index)[name], value, rtol=TOLERANCE, atol=TOLERANCE), name
    assert population.scores() == [None] * 3
