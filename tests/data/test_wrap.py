"""A torch Dataset of the user's own as data."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from trainwell.data.wrap import is_dataset, wrap
from trainwell.errors import BadData


class Listed(Dataset[Any]):
    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, row: int) -> Any:
        return self.items[row]


def of_targets(targets: list[Any]) -> Listed:
    return Listed([(torch.zeros(2), target) for target in targets])


def test_whole_numbers_are_classes() -> None:
    data = wrap(of_targets([0, 2, 1, 0, 2, 2, 1, 0, 0, 1] * 2), seed=1)
    assert (data.kind, data.task, data.classes) == ("own", "classification", ("0", "1", "2"))
    assert data.y.dtype == np.int64
    assert data.y[:4].tolist() == [0, 2, 1, 0]
    train, valid = data.splits["train"], data.splits["valid"]
    assert (len(train), len(valid)) == (18, 2)
    assert sorted([*train, *valid]) == list(range(20))
    assert list(train) == sorted(train)
    assert data.notes == ("20 samples of Listed, 3 classes", "split: 18 train, 2 valid, by chance")


@pytest.mark.parametrize("targets", [[True, False] * 4, [np.uint8(1), np.uint8(0)] * 4, list(torch.tensor([1, 0] * 4))])
def test_booleans_bytes_and_tensors_are_classes_too(targets: list[Any]) -> None:
    data = wrap(of_targets(targets))
    assert (data.task, data.classes) == ("classification", ("0", "1"))
    assert data.y.tolist() == [1, 0] * 4


def test_other_numbers_are_values() -> None:
    data = wrap(of_targets([0.5, 1.5, 2.0]), valid_fraction=0.34)
    assert (data.task, data.classes) == ("regression", ())
    assert data.y.dtype == np.float32
    assert data.y.tolist() == [0.5, 1.5, 2.0]
    several = wrap(of_targets([[1, 2], [3, 4]]))
    assert several.y.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_the_split_follows_the_seed_and_leaves_something_to_train_on() -> None:
    data = [wrap(of_targets([0, 1] * 20), seed=seed, valid_fraction=0.5) for seed in (0, 0, 1)]
    assert len(data[0].splits["valid"]) == 20
    assert np.array_equal(data[0].splits["valid"], data[1].splits["valid"])
    assert not np.array_equal(data[0].splits["valid"], data[2].splits["valid"])
    smallest = wrap(of_targets([0, 1]), valid_fraction=0.9)
    assert {name: len(rows) for name, rows in smallest.splits.items()} == {"train": 1, "valid": 1}


def test_a_tensor_dataset_hands_over_its_tensor() -> None:
    x = torch.rand(10, 3)
    assert wrap(TensorDataset(x, torch.arange(10) % 2)).x is x
    assert is_dataset(TensorDataset(x))
    assert not is_dataset(x)


def test_the_fingerprint_changes_with_the_targets() -> None:
    prints = {wrap(of_targets(targets)).fingerprint for targets in ([0, 1, 1], [0, 1, 0], [0.0, 1.0, 0.0])}
    assert len(prints) == 3


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield 1


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Endless(), "An iterable-style dataset can be read only once. Expected a map-style one, with __len__"),
        (of_targets([1]), "The dataset has 1 samples; expected at least 2"),
        (Listed([1, 2, 3]), r"items of the dataset are no pairs \(x, y\)"),
        (Listed([(1, 2, 3), (1, 2, 3)]), r"items of the dataset are no pairs \(x, y\)"),
        (of_targets([[1, 2], [1]]), r"no pairs \(x, y\) with y a number or an array of one shape"),
        (of_targets([0, -1]), "Class numbers start at 0; the dataset has -1"),
        (of_targets([0.5, float("nan")]), "The targets hold NaN or infinite values"),
        (of_targets(["cat", "dog"]), "The targets of the dataset are <U3; expected whole numbers for classes"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(dataset: Any, message: str) -> None:
    with pytest.raises(BadData, match=message):
        wrap(dataset)
