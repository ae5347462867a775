import numpy as np
import pytest
from sklearn import datasets
from sklearn.neighbors import KNeighborsClassifier

from trainwell.data.builtins import builtin_names
from trainwell.data.open import open_data
from trainwell.errors import BadData


def test_names() -> None:
    assert builtin_names() == sorted(
        ["digits", "iris", "wine", "breast-cancer", "diabetes", "spirals", "blobs", "circles"]
    )


def test_a_model_that_knows_the_classes_by_name_or_by_number_is_answered() -> None:
    y, order = datasets.load_wine().target, [2, 0, 1]
    like = open_data("wine").decoding
    renamed = open_data("wine", parts="test", like=like | {"classes": ["class_1", "class_2", "class_0"]})
    assert np.array_equal(renamed.y, np.array(order)[y])
    assert np.array_equal(open_data("wine", parts="test", like=like | {"classes": ["0", "1", "2"]}).y, y)
    with pytest.raises(BadData, match="y holds 3 classes the model does not know"):
        open_data("wine", parts="test", like=like | {"classes": ["class_0", "class_1", "other"]})
    with pytest.raises(BadData, match=r"shape \(1797, 8, 8\), and the model was trained on a table. Expected \(N, F\)"):
        open_data("digits", parts="test", like=like)


@pytest.mark.parametrize("name", builtin_names())
def test_each_is_split_and_the_same_for_every_seed(name: str) -> None:
    one, other = open_data(name), open_data(name, seed=1)
    assert one.fingerprint == other.fingerprint
    assert not np.array_equal(one.splits["valid"], other.splits["valid"])
    parts = {"train", "valid"} if name == "digits" else {"train", "valid", "heldout"}
    assert set(one.splits) == parts and sum(map(len, one.splits.values())) == len(one.x)
    assert (one.task == "regression") == (name == "diabetes")


def test_digits_are_images() -> None:
    data = open_data("digits")
    assert data.x.shape == (1797, 8, 8, 1) and data.x.min() == 0 and data.x.max() == 255
    assert np.abs(data.x[..., 0] / 255 * 16 - datasets.load_digits().images).max() < 0.04


def test_real_tables_are_those_of_scikit_learn() -> None:
    wine = open_data("wine")
    assert np.array_equal(wine.x, datasets.load_wine().data.astype(np.float32))
    assert wine.classes == ("class_0", "class_1", "class_2") and wine.facts["features"][0] == "alcohol"
    assert open_data("iris").classes == ("setosa", "versicolor", "virginica")
    assert open_data("breast-cancer").classes == ("malignant", "benign")
    assert np.array_equal(open_data("diabetes").y, datasets.load_diabetes().target.astype(np.float32))
    assert open_data("diabetes").x[:, 0].max() == 79  # years, not standardised


@pytest.mark.parametrize(("name", "floor"), [("spirals", 0.97), ("blobs", 0.97), ("circles", 0.97)])
def test_made_ones_can_be_learnt(name: str, floor: float) -> None:
    data = open_data(name)
    train, valid = data.splits["train"], data.splits["valid"]
    neighbours = KNeighborsClassifier(5).fit(data.x[train], data.y[train])
    assert neighbours.score(data.x[valid], data.y[valid]) > floor
