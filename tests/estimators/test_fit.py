"""Fitting: weights, frames, images, going on, and what is refused."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import trainwell as tw
from trainwell.errors import BadData, BadValue, Diverged, UnknownName
from trainwell.estimators.learning import split

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])
SHORT: dict[str, Any] = {"epochs": 40, "lr": 0.02, "random_state": 0}


def test_learns_iris_in_a_pipeline_a_search_and_a_cross_validation() -> None:
    pipeline = make_pipeline(MinMaxScaler(), tw.Classifier(**SHORT))
    assert cross_val_score(pipeline, X, NAMES[Y], cv=3).mean() > 0.93
    assert cross_val_predict(pipeline, X, NAMES[Y], cv=3, method="predict_proba").shape == (150, 3)
    grid = {"widths": [(8,), (8, 8)], "weight_decay": np.array([3.0]), "edits": [(), ("optimizer.beta1=0.8",)]}
    search = GridSearchCV(tw.Classifier(**SHORT), grid, cv=2).fit(X, NAMES[Y])
    assert search.best_score_ > 0.85
    assert set(search.predict(X)) == set(NAMES)


@pytest.mark.parametrize("preprocess", ["standardize", "zero_center", "min_max", "none"])
def test_a_weight_of_two_is_the_row_twice(preprocess: str) -> None:
    weights = np.random.default_rng(0).integers(0, 4, len(Y))
    estimator = tw.Regressor(**SHORT, preprocess=preprocess)
    once = clone(estimator).fit(X[:, :3], X[:, 3], sample_weight=weights).predict(X[:, :3])
    often = clone(estimator).fit(X[:, :3].repeat(weights, 0), X[:, 3].repeat(weights)).predict(X[:, :3])
    np.testing.assert_allclose(once, often, rtol=1e-9)


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "hinge", "bce"])
def test_a_weight_of_two_is_the_row_twice_with_any_loss(loss: str) -> None:
    weights = np.random.default_rng(0).integers(0, 4, len(Y))
    estimator = tw.Classifier(**SHORT, loss=loss, last_bias="prior", clip="norm", average="ema")
    once = clone(estimator).fit(X, Y, sample_weight=0.1 * weights).decision_function(X)
    often = clone(estimator).fit(X.repeat(weights, 0), Y.repeat(weights)).decision_function(X)
    np.testing.assert_allclose(once, often, rtol=1e-7)


def test_class_weights_of_the_loss_and_weights_of_the_rows_go_together() -> None:
    loss = {"name": "cross_entropy", "weights": "balanced"}
    rare = np.flatnonzero((Y < 2) | (np.arange(150) % 10 == 0))
    weights = 1 + np.arange(len(rare)) % 2
    estimator = tw.Classifier(**SHORT, loss=loss)
    once = clone(estimator).fit(X[rare], Y[rare], sample_weight=weights).predict_proba(X)
    repeated = rare.repeat(weights)
    np.testing.assert_allclose(once, clone(estimator).fit(X[repeated], Y[repeated]).predict_proba(X), rtol=1e-4)


def test_weights_count_in_mini_batches_too() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    estimator = tw.Classifier(epochs=5, batch_size=64, random_state=0)
    plain = estimator.fit(x, y).predict(x).mean()
    assert estimator.network_.deep[1].weight.dtype.itemsize == 4
    assert estimator.fit(x, y, sample_weight=np.where(y == 1, 10.0, 0.1)).predict(x).mean() > plain + 0.02


def test_an_unweighted_fit_and_one_of_equal_weights_agree_in_mini_batches() -> None:
    estimator = tw.Classifier(epochs=3, batch_size=32, random_state=0)
    plain = estimator.fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(estimator.fit(X, Y, sample_weight=np.full(150, 3.0)).predict_proba(X), plain, rtol=1e-4)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_of_words_dates_and_gaps(frame: Any) -> None:
    words = np.where(Y == 0, "small", np.where(Y == 1, "middle", "large")).astype(object)
    words[::9] = None
    lengths = np.where(np.arange(150) % 7 == 0, np.nan, X[:, 0])
    table = frame({"size": list(words), "length": list(lengths), "width": list(X[:, 1])})
    estimator = tw.Classifier(**SHORT).fit(table, NAMES[Y])
    assert estimator.score(table, NAMES[Y]) > 0.93
    assert list(estimator.feature_names_in_) == ["size", "length", "width"]
    assert estimator.n_features_in_ == 3
    kept = clone(estimator).fit(table, NAMES[Y], sample_weight=(Y < 2) * 2.0)
    assert set(kept.predict(table)) == {"setosa", "versicolor"}
    with pytest.raises(BadData, match="X came as ndarray"):
        estimator.predict(X[:, :3])
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(
            table.rename({"size": "sort"}) if frame is pl.DataFrame else table.rename(columns={"size": "s"})
        )


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_frame_of_numbers_is_the_array(frame: Any) -> None:
    table = frame({f"x{k}": X[:, k] for k in range(4)})
    labels = (pd.Series if frame is pd.DataFrame else pl.Series)(NAMES[Y])
    estimator = tw.Classifier(**SHORT).fit(table, labels)
    np.testing.assert_array_equal(estimator.predict_proba(table), tw.Classifier(**SHORT).fit(X, Y).predict_proba(X))
    assert list(estimator.feature_names_in_) == ["x0", "x1", "x2", "x3"]


@pytest.mark.parametrize("unit", [False, True])
def test_images(unit: bool) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 100, (40, 8, 8), np.uint8)
    images[::2, :4] += 120
    images = images / 255 if unit else images
    labels = np.arange(40) % 2
    estimator = tw.Classifier(model="mlp", widths=(8,), epochs=20, batch_size=8, augment="none", random_state=0)
    assert estimator.fit(images, labels, sample_weight=1 + labels).score(images, labels) == 1.0
    with pytest.raises(BadData, match="0 images"):
        estimator.predict(images[:0])
    with pytest.raises(BadData, match="expected \\(8, 8, 1\\)"):
        estimator.predict(images[:, :4])
    with pytest.raises(BadData, match="the fit had"):
        estimator.predict(images / 255 if not unit else np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(BadData, match="Expected uint8, or floats"):
        estimator.fit(images.astype(int) * 300, labels)


def test_views_are_averaged() -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8), np.uint8)
    kept = {"model": "mlp", "epochs": 2, "batch_size": 8, "augment": "none", "random_state": 0}
    plain, mirrored = (tw.Classifier(**kept, views=v).fit(images, np.arange(20) % 2) for v in ("one", "flip"))
    both = (plain.decision_function(images) + plain.decision_function(images[:, :, ::-1])) / 2
    np.testing.assert_allclose(mirrored.decision_function(images), both, atol=1e-5)


def test_warm_start_goes_on() -> None:
    estimator = tw.Classifier(epochs=5, warm_start=True, random_state=0)
    first = estimator.fit(X, NAMES[Y]).history_[-1]["train_loss"]
    fitted = estimator.learnt_.fitted
    second = estimator.fit(X[20:], NAMES[Y][20:], sample_weight=np.ones(130)).history_[0]["train_loss"]
    assert second < first
    assert estimator.learnt_.fitted is fitted
    with pytest.raises(BadData, match="classes that the first fit had not: other"):
        estimator.fit(X, np.where(Y == 0, "other", "setosa"))
    with pytest.raises(BadValue, match="this one asks for others"):
        estimator.set_params(widths=(3,)).fit(X, NAMES[Y])
    assert estimator.set_params(warm_start=False).fit(X, NAMES[Y]).history_[-1]["train_loss"] != second


def test_going_on_in_vain_leaves_what_there_was() -> None:
    estimator = tw.Regressor(epochs=5, optimizer="sgd", lr=0.01, warm_start=True, random_state=0).fit(X[:, :3], X[:, 3])
    before = estimator.predict(X[:, :3])
    with pytest.raises(Diverged):
        estimator.set_params(lr=1e9, epochs=50).fit(X[:, :3], X[:, 3])
    np.testing.assert_array_equal(estimator.predict(X[:, :3]), before)


def test_rows_set_aside_choose_the_weights_and_end_the_training() -> None:
    estimator = tw.Classifier(
        epochs=400, lr=0.05, valid_fraction=0.2, patience=10, monitor="valid_loss", random_state=0
    )
    estimator.fit(X, Y, sample_weight=1 + Y)
    assert estimator.n_iter_ < 400
    assert {"train_loss", "valid_loss", "valid_accuracy"} <= estimator.history_[0].keys()


def test_the_averaged_weights_are_kept() -> None:
    averaged, plain = (
        tw.Classifier(epochs=20, lr=0.02, average=a, dropout=0.1, random_state=0).fit(X, Y) for a in ("ema", "none")
    )
    for estimator in (averaged, plain):
        loss = -np.log(estimator.predict_proba(X)[np.arange(150), Y]).mean()
        assert loss == pytest.approx(estimator.history_[-1]["train_loss"], rel=1e-9)
        assert all(getattr(layer, "draws", None) is None for layer in estimator.network_.modules())
    assert averaged.history_[-1]["train_loss"] > 1.01 * plain.history_[-1]["train_loss"]


def test_bf16_computes_less_exactly() -> None:
    exact, coarse = (tw.Classifier(**SHORT, precision=p).fit(X, Y).predict_proba(X) for p in ("fp32", "bf16"))
    assert 1e-4 < np.abs(exact - coarse).max() < 0.3


def test_equal_rows_are_set_aside_together() -> None:
    x, y = X.repeat(3, 0), Y.repeat(3)
    parts = split(y, x, "classification", tw.Classifier(valid_fraction=0.2).fit(x, y).recipe_)
    assert len(parts["train"]) + len(parts["valid"]) == 450
    assert 60 < len(parts["valid"]) < 130
    assert not {row.tobytes() for row in x[parts["train"]]} & {row.tobytes() for row in x[parts["valid"]]}


def test_arrays_that_are_read_backwards() -> None:
    forwards = tw.Classifier(epochs=3, random_state=0).fit(X[::-1].copy(), Y[::-1].copy()).predict_proba(X)
    backwards = tw.Classifier(epochs=3, random_state=0).fit(X[::-1], Y[::-1])
    np.testing.assert_allclose(backwards.predict_proba(X[::-1])[::-1], forwards, rtol=1e-12)
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8), np.uint8)[:, :, ::-1]
    estimator = tw.Classifier(model="mlp", epochs=1, batch_size=8, random_state=0).fit(images, np.arange(20) % 2)
    np.testing.assert_array_equal(estimator.predict_proba(images), estimator.predict_proba(images.copy()))


def test_no_hidden_layers_are_a_linear_model() -> None:
    estimator = tw.Classifier(**SHORT, widths=()).fit(X, Y)
    assert [tuple(p.shape) for p in estimator.network_.parameters()] == [(3, 4), (3,)]
    assert estimator.score(X, Y) > 0.8


def test_columns_that_share_a_name_are_refused() -> None:
    with pytest.raises(BadData, match="share a name: a, a"):
        tw.Classifier().fit(pd.DataFrame([["u", 1.0], ["v", 2.0]], columns=["a", "a"]), [0, 1])


def test_several_values() -> None:
    estimator = tw.Regressor(epochs=100, lr=0.02, random_state=0).fit(X[:, :2], X[:, 2:])
    assert estimator.predict(X[:3, :2]).shape == (3, 2)
    assert estimator.score(X[:, :2], X[:, 2:]) > 0.8
    assert estimator.fit(X[:, :2], X[:, 2]).predict(X[:3, :2]).shape == (3,)


def test_the_seed_decides() -> None:
    first, second, other = (tw.Classifier(epochs=5, random_state=s).fit(X, Y).predict_proba(X) for s in (0, 0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_every_parameter_reaches_the_recipe() -> None:
    asked: dict[str, Any] = {
        "model": {"name": "mlp", "activation": "tanh"},
        "widths": [8],
        "dropout": 0.2,
        "loss": "focal",
        "optimizer": "sgd",
        "lr": 0.01,
        "weight_decay": 1e-4,
        "schedule": "linear",
        "warmup": 0.2,
        "start": 0.1,
        "epochs": np.int64(3),
        "batch_size": np.int64(50),
        "preprocess": "min_max",
        "augment": "mixup",
        "penalties": "l1,max_norm",
        "clip": "value",
        "average": "swa",
        "balance": "none",
        "bias": 0.01,
        "last_bias": "prior",
        "norm_bias_rate": 2.0,
        "patience": 2,
        "monitor": "valid_accuracy",
        "keep": "last",
        "valid_fraction": 0.2,
        "precision": "fp32",
        "compile": "no",
        "threads": 1,
        "edits": "optimizer.momentum=0.5",
    }
    recipe = tw.Classifier(**asked, random_state=0).fit(X, Y).recipe_
    model = recipe.model.args
    assert (model["widths"], model["dropout"].args["p"], model["activation"].name) == ((8,), 0.2, "tanh")
    optimizer = recipe.optimizer.args
    assert (optimizer["lr"], optimizer["weight_decay"], optimizer["momentum"]) == (0.01, 1e-4, 0.5)
    for name, value in asked.items():
        if name in ("model", "widths", "dropout", "lr", "weight_decay", "edits"):
            continue
        found = getattr(recipe, name)
        words = [part.name for part in found] if isinstance(found, tuple) else [getattr(found, "name", found)]
        assert words == (value.split(",") if isinstance(value, str) else [value]), name


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"optimizer": "adamx"}, UnknownName, "Did you mean"),
        ({"recipe": "tables"}, UnknownName, "Did you mean 'table'"),
        ({"recipe": 3}, BadValue, "recipe=3 is not possible"),
        ({"lr": -1.0}, BadValue, "adamw.lr=-1.0"),
        ({"epochs": 0}, BadValue, "epochs=0"),
        ({"batch_size": "big"}, BadValue, "batch_size='big'"),
        ({"dropout": 1.5}, BadValue, "dropout.p=1.5"),
        ({"edits": "seed=3"}, BadValue, "random_state decides it"),
        ({"edits": ("epochs=3",), "epochs": 4}, BadValue, "epochs is given twice"),
        ({"edits": ("optimizer.lr=3",), "lr": 4.0}, BadValue, "as lr=4.0"),
        ({"patience": 3}, BadValue, "Give valid_fraction"),
        ({"keep": "best"}, BadValue, "Give valid_fraction"),
        ({"views": "flip"}, BadValue, "no images"),
        ({"balance": "prior"}, BadValue, "every class has 50 training samples"),
        ({"edits": "transfer=head"}, BadValue, "take trainwell.finetune"),
        ({"warm_start": "yes"}, BadValue, "warm_start='yes'"),
        ({"device": "gpu"}, BadValue, "gpu"),
        ({"model": "lenet"}, BadValue, "takes images"),
        ({"loss": "mse"}, BadValue, "is for regression"),
        ({"device": None}, BadValue, "device=None is not possible"),
        ({"edits": None}, BadValue, "edits=None is not possible"),
        ({"widths": (), "model": {"name": "mlp", "skip": True}}, BadValue, "skip=True has no effect"),
    ],
)
def test_what_cannot_be_is_refused(parameters: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        tw.Classifier(**parameters).fit(X, Y)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize("balance", ["weights", "sampler", "prior"])
def test_rare_classes_are_found_where_they_are_balanced(balance: str) -> None:
    rows, x = np.r_[50:100, 100:104], X[:, :2]  # versicolor, and four of virginica, of which the rest is looked for
    plain, made = (tw.Classifier(**SHORT, balance=how).fit(x[rows], Y[rows]) for how in (None, balance))
    assert (made.predict(x[104:]) == 2).mean() > (plain.predict(x[104:]) == 2).mean() + 0.2
    with pytest.raises(BadValue, match="and sample_weight both say"):
        tw.Classifier(**SHORT, balance=balance).fit(X[rows], Y[rows], sample_weight=np.ones(54))


def test_weights_that_cannot_act_are_refused() -> None:
    weights = np.ones(150)
    with pytest.raises(BadValue, match="blends rows"):
        tw.Classifier(augment="mixup", batch_size=32).fit(X, Y, sample_weight=weights)
    with pytest.raises(BadValue, match="cannot take sample_weight"):
        tw.Classifier(preprocess="pca").fit(X, Y, sample_weight=weights)


def test_a_schedule_that_goes_by_the_losses_is_told_them() -> None:
    schedule = {"name": "plateau", "patience": 2, "factor": 0.5}
    rates = [line["lr"] for line in tw.Classifier(epochs=40, lr=0.1, schedule=schedule).fit(X, Y).history_]
    assert len(rates) == 40
    assert rates[-1] < 0.1


def test_a_loss_that_diverges_is_told() -> None:
    with pytest.raises(Diverged, match="became"):
        tw.Regressor(optimizer="sgd", lr=1e6, weight_decay=0.0, random_state=0).fit(X, Y)


def test_before_the_fit() -> None:
    estimator = tw.Classifier()
    assert not hasattr(estimator, "recipe_")
    for ask in (estimator.predict, estimator.decision_function, estimator.predict_log_proba, estimator.save):
        with pytest.raises(NotFittedError):
            ask(X)
