"""Scores against scikit-learn, and views against explicit averages."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn
from torch.nn import functional

from trainwell.data.batches import ArraySource, Feed
from trainwell.training import evaluate
from trainwell.training.engine import Engine
from trainwell.training.evaluate import outputs, score
from trainwell.training.loop import Trainer

CPU = torch.device("cpu")
ENGINE = Engine(CPU, "fp32", "contiguous", False, 1)
N = 57


def feed(y: np.ndarray, num_classes: int | None) -> Feed:
    x = np.random.default_rng(0).normal(size=(len(y), 5)).astype(np.float32)
    given: dict[str, Any] = {"images": False, "prepare": None, "device": CPU, "batch_size": 4, "seed": 0}
    return Feed(ArraySource(x), y, np.arange(len(y)), num_classes=num_classes, **given)


def network(num_outputs: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, num_outputs))


@pytest.fixture(params=[1000, 10])
def batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Samples a batch: all at once, or several batches of which the last is short."""
    monkeypatch.setattr(evaluate, "BATCH", request.param)
    return int(request.param)


@pytest.mark.usefixtures("batch")
def test_accuracy_and_loss_are_those_of_scikit_learn() -> None:
    y = np.random.default_rng(1).integers(0, 3, N)
    source, model = feed(y, 3), network(3)
    found = score(model, source, ENGINE, functional.cross_entropy)
    probabilities, targets = outputs(model, source, ENGINE)
    assert targets.tolist() == y.tolist()
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, probabilities.argmax(1)))
    assert found["loss"] == pytest.approx(-probabilities[range(N), y].log().mean().item(), rel=1e-5)
    with torch.no_grad():
        x, _ = source.some(range(N))
        assert torch.allclose(probabilities, model.eval()(x).softmax(1))


@pytest.mark.usefixtures("batch")
@pytest.mark.parametrize("columns", [1, 3])
def test_r2_is_that_of_scikit_learn(columns: int) -> None:
    y = np.random.default_rng(1).normal([3, -50, 0][:columns], [1, 2, 0.1][:columns], (N, columns)).astype(np.float32)
    source, model = feed(y, None), network(columns)
    found = score(model, source, ENGINE, functional.mse_loss)
    values, targets = outputs(model, source, ENGINE)
    assert values.shape == (N, columns)
    assert np.array_equal(targets.numpy(), y)
    assert found["r2"] == pytest.approx(metrics.r2_score(y, values), rel=1e-5)
    assert found["loss"] == pytest.approx(metrics.mean_squared_error(y, values), rel=1e-5)


def test_a_target_that_does_not_vary_has_no_r2() -> None:
    assert score(network(1), feed(np.ones((N, 1), np.float32), None), ENGINE, functional.mse_loss)["r2"] == 0.0


def test_a_limit_takes_samples_evenly_spaced() -> None:
    y = np.random.default_rng(1).integers(0, 3, N)
    source, model = feed(y, 3), network(3)
    chosen = [int(i * N / 10) for i in range(10)]
    x, targets = source.some(chosen)
    with torch.no_grad():
        expected = float((model.eval()(x).argmax(1) == targets).float().mean())
    assert score(model, source, ENGINE, functional.cross_entropy, limit=10)["accuracy"] == pytest.approx(expected)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_set_back_and_the_statistics_are_left_alone(training: bool) -> None:
    model = network(3).train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    source = feed(np.zeros(N, dtype=np.int64), 3)
    score(model, source, ENGINE, functional.cross_entropy)
    assert model.training is training
    outputs(model, source, ENGINE)
    assert model.training is training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())

    def broken(*_: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        score(model, source, ENGINE, broken)
    assert model.training is training


def moved(x: torch.Tensor, by: int) -> torch.Tensor:
    """The window moved by so many pixels down and right, what is missing reflected."""
    rows = [(i + by) if 0 <= i + by < 8 else i - by for i in range(8)]
    return x[:, :, rows][:, :, :, rows]


def test_views_are_averages_of_logits(make: Callable[..., Trainer]) -> None:
    trainer = make({"name": "convnet", "width": 4}, layout="channels_last")
    assert trainer.valid is not None
    model = trainer.model.eval()
    x, _ = next(trainer.valid.passes(1000))
    with torch.no_grad():
        straight, mirrored = model(x), model(x.flip(3))
        others = [model(view) for by in (-1, 1) for view in (moved(x, by), moved(x, by).flip(3))]
    expected = {
        "one": straight,
        "flip": (straight + mirrored) / 2,
        "flip_shift": 0.25 * (straight + mirrored) + 0.125 * sum(others),
    }
    assert not torch.allclose(expected["one"], expected["flip"], atol=1e-3)
    assert not torch.allclose(expected["flip"], expected["flip_shift"], atol=1e-3)
    for views, logits in expected.items():
        found, _ = outputs(model, trainer.valid, trainer.engine, views)
        assert torch.allclose(found, logits.softmax(1), atol=1e-5), views
