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
from trainwell.data.photos import Photos
from trainwell.data.views import Views
from trainwell.preprocessing import Affine
from trainwell.training import evaluate
from trainwell.training.engine import Engine
from trainwell.training.evaluate import outputs, predicted, score
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


SIDE = 8
PREPARE = Affine(np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.25, 0.3]), 255.0)


def looker(num_outputs: int = 3) -> nn.Module:
    """A network that tells every pixel from every other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE * 3, num_outputs)).eval()


def ten(whole: np.ndarray, side: int = SIDE) -> list[np.ndarray]:
    """AlexNet's ten crops of images (n, H, W, C), written out."""
    height, width = whole.shape[1:3]
    down, across = height - side, width - side
    corners = [(0, 0), (0, across), (down, 0), (down, across), (down // 2, across // 2)]
    five = [whole[:, top : top + side, left : left + side] for top, left in corners]
    return five + [crop[:, :, ::-1] for crop in five]


def by_hand(model: nn.Module, crops: list[np.ndarray], classes: bool = True) -> torch.Tensor:
    """The mean over crops of what the network says, the preprocessing written out."""
    found = []
    for crop in crops:
        values = (crop / 255 - np.array([0.4, 0.5, 0.6])) / np.array([0.2, 0.25, 0.3])
        with torch.no_grad():
            output = model(torch.from_numpy(values.astype(np.float32)).permute(0, 3, 1, 2))
        found.append(output.softmax(1) if classes else output)
    return torch.stack(found).mean(0)


def images(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def averaged(images: np.ndarray | Photos, rows: np.ndarray, views: Views, **given: Any) -> torch.Tensor:
    model = looker()
    return predicted(model, images, rows, ENGINE, prepare=PREPARE, views=views, side=SIDE, **{"classes": True} | given)


@pytest.mark.parametrize("classes", [True, False])
def test_ten_crops_of_images_at_their_own_scale(classes: bool) -> None:
    x, rows = images(6, 12, 12), np.array([4, 0, 5])
    found = averaged(x, rows, Views(10, (12,)), classes=classes)
    assert torch.allclose(found, by_hand(looker(), ten(x[rows]), classes), atol=1e-6)
    assert not torch.allclose(found, by_hand(looker(), ten(x[rows])[:5], classes), atol=1e-3)


def test_several_scales_of_small_images_are_scaled_up_first() -> None:
    x = images(4, SIDE, SIDE)
    crops = []
    for scale in (11, 14):
        planes = torch.from_numpy(x).permute(0, 3, 1, 2)
        whole = functional.interpolate(planes, (scale, scale), mode="bilinear", antialias=True).permute(0, 2, 3, 1)
        crops += ten(whole.numpy())[:5]
    found = averaged(x, np.arange(4), Views(5, (11, 14)))
    assert torch.allclose(found, by_hand(looker(), crops), atol=1e-6)


def test_photos_of_many_sizes_are_cut_where_they_are() -> None:
    wide, high = images(2, 12, 20), images(1, 18, 12)
    photos = Photos.of([wide[0], high[0], wide[1]], side=SIDE)
    found = averaged(photos, np.arange(3), Views(10, (12,)))
    assert torch.allclose(found[[0, 2]], by_hand(looker(), ten(wide)), atol=1e-6)
    assert torch.allclose(found[[1]], by_hand(looker(), ten(high)), atol=1e-6)


def test_a_prediction_does_not_depend_on_the_others_beside_it() -> None:
    small, large = images(2, SIDE, SIDE), images(2, 12, 20)
    views, mixed = Views(5, (11,)), Photos.of([small[0], large[0], small[1], large[1]], side=SIDE)
    together = averaged(mixed, np.arange(4), views)
    assert torch.allclose(together, averaged(mixed, np.arange(4), views, batch=1), atol=1e-7)
    assert torch.allclose(together[[0, 2]], averaged(small, np.arange(2), views), atol=1e-7)


def test_the_plain_view_and_its_mirror_image(make: Callable[..., Trainer]) -> None:
    trainer = make({"name": "convnet", "width": 4}, layout="channels_last")
    assert trainer.valid is not None
    x, _ = next(trainer.valid.passes(1000))
    with torch.no_grad():
        both = [trainer.model.eval()(each).softmax(1) for each in (x, x.flip(3))]
    found, _ = outputs(trainer.model, trainer.valid, trainer.engine, Views(flips=True))
    assert torch.allclose(found, (both[0] + both[1]) / 2, atol=1e-6)
    found, _ = outputs(trainer.model, trainer.valid, trainer.engine, Views())
    assert torch.allclose(found, both[0], atol=1e-6)
