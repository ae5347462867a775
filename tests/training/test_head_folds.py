"""Heads compared by folds: what they come to, and when they are asked."""

import math

import pytest
import torch

from trainwell.data.splits import split_rows
from trainwell.losses import losses
from trainwell.training.head_folds import FOLDS, across_folds, num_folds
from trainwell.training.heads import Features, Head, grid, train_heads

LOSS = losses.bind("cross_entropy")
SETTINGS = {"loss": LOSS, "plain_loss": LOSS, "num_outputs": 2, "num_classes": 2, "with_bias": True}
SETTINGS |= {"epochs": 20, "batch_size": 16, "seed": 0}


def features(count: int, held: int, *, noise: float, width: int = 40, copies: int = 1) -> Features:
    """Two classes a little apart in the first feature; the rest is noise, and so are the validation labels."""
    generator = torch.Generator().manual_seed(3)
    target = torch.arange(count) % 2
    x = torch.randn(count, width, generator=generator) * noise
    x[:, 0] += 2.0 * target - 1
    chance = torch.randint(0, 2, (held,), generator=generator)
    return Features(x.repeat(copies, 1, 1), target, torch.randn(held, width, generator=generator), chance)


def test_a_sample_is_scored_by_heads_that_have_not_seen_it() -> None:
    """Labels of chance are learnt by heart; what is held out is guessed."""
    seen = features(80, 4, noise=1.0, width=200)
    known = features(80, 4, noise=0.5, width=10)
    target = torch.randint(0, 2, (80,), generator=torch.Generator().manual_seed(1))
    chance = Features(seen.train[:, :, 1:], target, seen.valid[:, 1:], seen.valid_target)
    heads = [Head(3.0, 0.0, 0)]
    (whole,) = train_heads(chance, heads, **SETTINGS)
    (found,) = across_folds(chance, heads, 5, **SETTINGS)
    assert whole.scores["train_accuracy"] == 1.0
    assert 0.3 < found["folds_accuracy"] < 0.7
    assert found["folds_loss"] > math.log(2)
    (told,) = across_folds(known, heads, 5, **SETTINGS)
    assert told["folds_accuracy"] > 0.9


def test_folds_are_what_training_without_them_gives() -> None:
    data = features(20, 4, noise=0.5)
    heads = grid((0.1, 1.0), (0.0,), 1)
    found = across_folds(data, heads, 2, **SETTINGS)
    parts = []
    rows = split_rows(data.target.numpy(), torch.arange(20).numpy(), {"fold 1": 0.5}, 0)
    for held, rest in ((rows["fold 1"], rows["train"]), (rows["train"], rows["fold 1"])):
        part = Features(data.train[:, rest], data.target[rest], data.train[0, held], data.target[held])
        parts.append([head.scores["valid_loss"] * len(held) / 20 for head in train_heads(part, heads, **SETTINGS)])
    for place, one in enumerate(found):
        assert one["folds_loss"] == pytest.approx(parts[0][place] + parts[1][place], rel=1e-4)


def test_equal_samples_lie_in_one_fold() -> None:
    """A sample and its copy: where one is seen and the other asked, labels of chance would be known."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(40, 300, generator=generator)
    target = torch.randint(0, 2, (40,), generator=generator)
    twice = Features(x.repeat(2, 1)[None], target.repeat(2), x[:2], target[:2])
    (found,) = across_folds(twice, [Head(1.0, 0.0, 0)], 5, **SETTINGS)
    assert found["folds_accuracy"] < 0.75


def test_a_head_that_came_to_nothing_has_no_score() -> None:
    data = features(40, 4, noise=1.0)
    mse = losses.bind("mse")
    squares = Features(data.train, data.target[:, None].float(), data.valid, data.valid_target[:, None].float())
    settings = SETTINGS | {"loss": mse, "plain_loss": mse, "num_outputs": 1, "num_classes": None}
    found = across_folds(squares, [Head(1e30, 0.0, 0), Head(0.1, 0.0, 0)], 5, **settings)
    assert math.isnan(found[0]["folds_loss"])
    assert math.isfinite(found[1]["folds_loss"])


@pytest.mark.parametrize(
    ("count", "held", "expected"),
    [(36, 4, FOLDS), (36, 36, 0), (36, 400, 0), (5000, 499, FOLDS), (5000, 500, 0), (6, 2, 3), (3, 2, 0)],
)
def test_when_folds_are_asked(count: int, held: int, expected: int) -> None:
    assert num_folds(features(count, held, noise=1.0), 2) == expected


def test_regression() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 5, generator=generator)
    y = x @ torch.randn(5, 1, generator=generator)
    mse = losses.bind("mse")
    settings = SETTINGS | {"loss": mse, "plain_loss": mse, "num_outputs": 1, "num_classes": None}
    data = Features(x[None], y, x[:3], y[:3])
    assert num_folds(data, None) == FOLDS
    (found,) = across_folds(data, [Head(0.3, 0.0, 0)], 5, **settings)
    assert found["folds_r2"] > 0.95
