"""Metrics of a run, against scikit-learn and by hand."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import datasets, metrics

from trainwell import Options, Run, evaluate, fit
from trainwell.errors import BadData
from trainwell.method.evaluation.figures import calibration_error
from trainwell.method.evaluation.sample import _has_test_part
from trainwell.method.screen import Silent

NO_CHECKS = Options(checks=False)


def columns(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A real table as arrays."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return x, y


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Trained on arrays."""
    return fit(
        columns("iris"),
        ["epochs=40", "precision=fp32"],
        out=tmp_path_factory.mktemp("arrays") / "run",
        options=NO_CHECKS,
    )


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit("iris", ["epochs=40", "precision=fp32"], out=tmp_path_factory.mktemp("iris") / "run", options=NO_CHECKS)


def predicted(run: Run, x: np.ndarray) -> np.ndarray:
    """Output of the network as one would compute it by hand from what the folder holds."""
    with torch.no_grad():
        return run.model()(run.preprocessing().apply(torch.from_numpy(x.astype(np.float32)))).numpy()


def test_calibration_error_by_hand() -> None:
    # Two bins: three samples near 0.9, two of them right; one at 0.6, right.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.4, 0.6]])
    target = np.array([0, 1, 1, 1])
    assert calibration_error(probabilities, target) == pytest.approx((3 * abs(0.9 - 2 / 3) + abs(0.6 - 1)) / 4)
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert calibration_error(certain, np.array([0, 1])) == 0.0
    assert calibration_error(certain, np.array([1, 0])) == 1.0


@pytest.mark.filterwarnings("error")
def test_classes_against_sklearn(flowers: Run) -> None:
    x, y = columns("iris")
    found = evaluate(flowers, (x, y))
    logits = predicted(flowers, x).astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    answer = logits.argmax(1)
    assert found.part == "test"
    assert found.count == 150
    assert next(iter(found.metrics)) == "accuracy"
    assert found.metrics["accuracy"] == metrics.accuracy_score(y, answer)
    assert found.metrics["log_loss"] == pytest.approx(metrics.log_loss(y, probabilities), rel=1e-5)
    assert found.metrics["macro_f1"] == pytest.approx(metrics.f1_score(y, answer, average="macro"))
    assert found.confusion == metrics.confusion_matrix(y, answer).tolist()
    for k, name in enumerate(flowers.data["classes"]):
        assert found.per_class[name]["recall"] == metrics.recall_score(y, answer, average=None)[k]
        assert found.per_class[name]["precision"] == metrics.precision_score(y, answer, average=None)[k]
        assert found.per_class[name]["support"] == 50


def test_values_against_sklearn(tmp_path: Path) -> None:
    x, y = columns("diabetes")
    run = fit((x, y), ["epochs=40", "precision=fp32"], out=tmp_path / "run", options=NO_CHECKS)
    found = evaluate(run, (x, y))
    scale = run.target()
    assert scale is not None
    answer = scale.inverse(torch.from_numpy(predicted(run, x))).numpy()[:, 0]
    assert list(found.metrics) == ["r2", "mae", "rmse"]
    assert found.metrics["r2"] == pytest.approx(metrics.r2_score(y, answer), abs=1e-5)
    assert found.metrics["mae"] == pytest.approx(metrics.mean_absolute_error(y, answer), rel=1e-5)
    assert found.metrics["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, answer), rel=1e-5)
    assert (found.per_class, found.confusion) == ({}, [])


def test_the_data_it_was_trained_on_is_scored_on_rows_set_aside(iris: Run) -> None:
    found = evaluate(iris, "iris")
    assert found.part == "heldout"
    assert found.count == iris.data["splits"]["heldout"]["rows"]
    assert found.metrics["accuracy"] == pytest.approx(iris.verdict["scores"]["heldout_accuracy"])


def test_the_test_part_of_what_it_was_trained_on_is_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = columns("iris")
    monkeypatch.chdir(tmp_path)
    np.savez("flowers.npz", x_train=x[::2], y_train=y[::2], x_test=x[1::2] + 0.01, y_test=y[1::2])
    run = fit("flowers.npz", ["epochs=1"], out="run", options=NO_CHECKS)
    assert (evaluate(run, "flowers.npz").part, evaluate(run, "flowers.npz").count) == ("test", 75)
    np.savez("whole.npz", x=x, y=y)
    whole = fit("whole.npz", ["epochs=1"], out="whole", options=NO_CHECKS)
    assert evaluate(whole, tmp_path / "whole.npz").part == evaluate(whole, "whole.npz").part == "heldout"
    for name, found in {"Testing": True, "tests": False, "train": False}.items():
        (tmp_path / "folder" / name / "a").mkdir(parents=True)
        assert _has_test_part(tmp_path / "folder") == found
        shutil.rmtree(tmp_path / "folder")


class Said(Silent):
    """A screen that remembers its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_samples_that_the_run_has_seen_are_told(flowers: Run) -> None:
    x, y = columns("iris")
    screen = Said()
    found = evaluate(flowers, (x, y), screen=screen)
    held = flowers.data["splits"]["heldout"]["rows"]
    assert 150 - held <= found.seen < 150  # all but the rows held out (iris has one row twice)
    assert f"{found.seen} of these 150 samples are among those the run was trained on" in screen.warnings[0]
    fresh = Said()
    assert evaluate(flowers, (x + 0.01, y), screen=fresh).seen == 0
    assert fresh.warnings == []


def test_its_own_rows_set_aside_are_not_told_as_seen(iris: Run) -> None:
    assert evaluate(iris, "iris").seen == 0


def test_a_data_set_of_ones_own_is_scored_whole(tmp_path: Path) -> None:
    x, y = columns("iris")
    own = torch.utils.data.TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))
    run = fit(own, ["epochs=3", "precision=fp32"], out=tmp_path / "run", options=NO_CHECKS)
    found = evaluate(run, own)
    assert (found.part, found.count) == ("test", 150)
    with torch.no_grad():
        answer = run.model()(own.tensors[0]).argmax(1).numpy()
    assert found.metrics["accuracy"] == metrics.accuracy_score(y, answer)


def test_a_class_may_be_missing_from_the_data(flowers: Run) -> None:
    x, y = columns("iris")
    found = evaluate(flowers, (x[:100], y[:100]))
    assert found.count == 100
    assert found.per_class[flowers.data["classes"][2]]["support"] == 0


def test_other_columns_are_refused(flowers: Run) -> None:
    x, y = columns("iris")
    with pytest.raises(BadData, match="x3"):
        evaluate(flowers, (x[:, :3], y))
    with pytest.raises(BadData, match="class"):
        evaluate(flowers, (x, y + 1))
    with pytest.raises(BadData, match="trained on"):
        evaluate(flowers, (np.zeros((9, 8, 8, 3), np.uint8), np.arange(9) % 3))


def test_views_that_mirror_are_left_out_where_training_mirrors_nothing(
    bright_quarters: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    data = bright_quarters(200)
    data["y"] = np.array(["north west", "north east", "south west", "south east"])[data["y"]]
    edits = ["model.width=8", "epochs=0.1"]
    views = {
        name: fit(data, [*edits, *more], out=tmp_path / name, options=NO_CHECKS).recipe.views
        for name, more in {"default": [], "crop": ["augment=crop"], "asked": ["augment=crop", "views=flip"]}.items()
    }
    assert views == {"default": "flip_shift", "crop": "one", "asked": "flip"}
