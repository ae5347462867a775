"""Saving without pickle, and pickling."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from sklearn.base import clone
from sklearn.datasets import load_iris

import trainwell as tw
from trainwell.errors import BadRun, BadValue

X, Y = load_iris(return_X_y=True)
FRAME = pd.DataFrame({"word": [f"w{k % 3}" for k in range(150)], "length": X[:, 0], "width": X[:, 3]})
IMAGES = np.random.default_rng(0).integers(0, 255, (20, 6, 6, 3), np.uint8)
CASES = [
    (tw.Classifier(epochs=5, random_state=0), X, Y),
    (tw.Classifier(epochs=2, batch_size=32, random_state=0, widths=(8,)), FRAME, np.array(["a", "b", "c"])[Y]),
    (tw.Classifier(epochs=3, random_state=0, loss={"name": "focal", "gamma": 1.0}), X, (Y > 0).astype(object) == True),  # noqa: E712
    (tw.Regressor(epochs=5, random_state=0, preprocess="pca"), X, X[:, :2]),
    (tw.Regressor(epochs=5, random_state=0, edits=("model.norm=batch",)), X, X[:, 0]),
    (
        tw.Classifier(model="lenet", epochs=1, batch_size=10, random_state=0),
        np.tile(IMAGES, (1, 3, 3, 1)),
        np.arange(20) % 2,
    ),
]


@pytest.mark.parametrize(("estimator", "x", "y"), CASES)
def test_what_is_read_predicts_alike(estimator: Any, x: Any, y: Any, tmp_path: Path) -> None:
    fitted = clone(estimator).fit(x, y)
    fitted.save(tmp_path / "model.safetensors")
    read = type(estimator).load(tmp_path / "model.safetensors")
    copied = pickle.loads(pickle.dumps(fitted))
    for other in (read, copied):
        assert other.get_params() == fitted.get_params()
        assert other.recipe_ == fitted.recipe_
        assert other.n_iter_ == fitted.n_iter_
        assert other.n_features_in_ == fitted.n_features_in_
        found, expected = other.predict(x), fitted.predict(x)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
        if hasattr(fitted, "feature_names_in_"):
            assert list(other.feature_names_in_) == list(fitted.feature_names_in_)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_what_was_read_goes_on(tmp_path: Path) -> None:
    first = tw.Classifier(epochs=5, warm_start=True, random_state=0).fit(X, Y)
    first.save(tmp_path / "model.safetensors")
    read = tw.Classifier.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(read.fit(X, Y).predict_proba(X), first.fit(X, Y).predict_proba(X))


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="cannot be read"):
        tw.Classifier.load(tmp_path / "none.safetensors")
    save_file({"a": np.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(BadRun, match="holds no estimator"):
        tw.Classifier.load(tmp_path / "other.safetensors")
    tw.Regressor(epochs=1).fit(X, Y).save(tmp_path / "regressor.safetensors")
    with pytest.raises(BadRun, match="holds Regressor, expected"):
        tw.Classifier.load(tmp_path / "regressor.safetensors")


def test_a_parameter_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    fitted = tw.Classifier(epochs=1, random_state=np.random.RandomState(0)).fit(X, Y)
    with pytest.raises(BadValue, match="cannot be saved: expected numbers"):
        fitted.save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
