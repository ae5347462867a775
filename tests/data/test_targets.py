from typing import Any

import numpy as np
import pytest

from trainwell.data.targets import class_facts, read_target, refuse_unlearnable
from trainwell.errors import BadData


def read(values: Any, **options: Any) -> Any:
    return read_target(np.array(values), name="y", **options)


@pytest.mark.parametrize(
    ("values", "classes", "y"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ([True, False, True], ("false", "true"), [1, 0, 1]),
        ([10, 2, 10, 2], ("2", "10"), [1, 0, 1, 0]),  # in the order of the numbers
        ([1.0, 0.0, 1.0, 0.0], ("0", "1"), [1, 0, 1, 0]),
        ([[0, 1], [1, 0], [0, 1]], ("0", "1"), [1, 0, 1]),
        ([[3], [5], [3], [5]], ("3", "5"), [0, 1, 0, 1]),
    ],
)
def test_classes(values: Any, classes: tuple[str, ...], y: list[int]) -> None:
    target = read(values)
    assert target.task == "classification" and target.classes == classes
    assert target.y.tolist() == y and target.y.dtype == np.int64


@pytest.mark.parametrize(
    "values", [[0.5, 1.5, 0.5, 1.5], list(range(21)) * 3, [1, 2, 3, 4], [1.0, 2.0, 3.0] * 5, [[0.1, 0.2]] * 4]
)
def test_numbers(values: Any) -> None:
    target = read(values)
    assert target.task == "regression" and target.classes == ()
    assert np.array_equal(target.y, np.array(values, np.float32)) and target.y.dtype == np.float32


def test_labels_of_images_are_classes_however_many() -> None:
    assert len(read(list(range(100)), whole_are_classes=True).classes) == 100


def test_it_is_said() -> None:
    assert read(["a", "b"]).note == "classification: y has 2 different words"
    assert read([0.5, 1.5, 2.5]).note == "regression: y holds 3 different numbers"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_missing_and_infinite(bad: float) -> None:
    with pytest.raises(BadData, match="y holds 1 missing or infinite value"):
        read([1.0, bad, 2.0])


def test_objects_and_shapes() -> None:
    with pytest.raises(BadData, match=r"shape \(2,\) and type object"):
        read_target(np.array([{}, []], dtype=object), name="y")
    with pytest.raises(BadData, match=r"shape \(1, 1, 1\)"):
        read([[[1.0]]])


def test_as_in_the_run() -> None:
    like = {"task": "classification", "classes": ["0", "2", "7"]}
    assert read([7, 2], like=like).y.tolist() == [2, 1]
    assert read([7.0, 2.0], like=like).y.tolist() == [2, 1]
    with pytest.raises(BadData, match=r"1 class the model does not know: 5. It knows: 0, 2, 7"):
        read([7, 5], like=like)
    with pytest.raises(BadData, match=r"does not know: 7.5"):
        read([7.5], like=like)
    numbers = {"task": "regression", "classes": []}
    assert read([1, 2], like=numbers).y.dtype == np.float32
    with pytest.raises(BadData, match="holds words, and the model predicts numbers"):
        read(["a"], like=numbers)


def test_what_cannot_be_learnt() -> None:
    with pytest.raises(BadData, match="here has one class only: a"):
        refuse_unlearnable(np.zeros(5, int), ["a"], "row", "here")
    with pytest.raises(BadData, match=r"2 classes of here with fewer than 2 readable rows: a \(1\), c \(0\)"):
        refuse_unlearnable(np.array([0, 1, 1]), ["a", "b", "c"], "row", "here")


def test_counts_and_imbalance() -> None:
    y = np.array([0, 0, 0, 1, 1, 0])
    facts, notes = class_facts(y, ["a", "b"], {"train": np.arange(5), "valid": np.array([5])})
    assert facts == {"counts": {"train": {"a": 3, "b": 2}, "valid": {"a": 1, "b": 0}}, "imbalance": 1.5}
    assert notes == ["valid has none of b", "imbalance: 1.5 to 1 (3 of a, 2 of b)"]
