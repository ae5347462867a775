"""Folds: every row is held out once, and nothing of a held-out row is learnt."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from trainwell.data.open import open_data
from trainwell.data.wrap import wrap
from trainwell.errors import BadData, BadValue
from trainwell.recipes import choose
from trainwell.search.folds import fold_data
from trainwell.search.trial import Trial
from trainwell.search.work import Work
from trainwell.training.setup import shape_of


def test_every_row_is_held_out_once_and_what_is_set_aside_stays_so() -> None:
    data = open_data("breast-cancer")
    assert "heldout" in data.splits
    folds = fold_data(data, 5, seed=0)
    held = np.concatenate([fold.splits["valid"] for fold in folds])
    pool = np.concatenate([data.splits["train"], data.splits["valid"]])
    assert sorted(held) == sorted(pool)
    for fold in folds:
        assert set(fold.splits) == {"train", "valid"}
        assert sorted(np.concatenate(list(fold.splits.values()))) == sorted(pool)
        assert abs(len(fold.splits["valid"]) - len(pool) / 5) <= 4
        counts = np.bincount(data.y[fold.splits["valid"]])
        assert (np.abs(counts - np.bincount(data.y[pool]) / 5) <= 1.5).all()  # stratified


def test_folds_go_by_the_seed() -> None:
    data = open_data("iris")
    first, same, other = (fold_data(data, 3, seed=seed)[0].splits["valid"] for seed in (1, 1, 2))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_equal_samples_and_groups_lie_in_one_fold() -> None:
    draws = np.random.default_rng(0)
    x = np.repeat(draws.normal(size=(60, 4)), [1, 2, 1] * 20, axis=0)  # every third row comes twice
    y = np.repeat(np.arange(60) % 2, [1, 2, 1] * 20)
    for fold in fold_data(open_data((x, y)), 4, seed=0):
        assert not _rows(fold.x, fold.splits["valid"]) & _rows(fold.x, fold.splits["train"])
    data = open_data("iris")
    groups = np.arange(len(data.y)) // 5
    for fold in fold_data(data, 3, seed=0, groups=groups):
        assert not set(groups[fold.splits["valid"]]) & set(groups[fold.splits["train"]])


def test_a_fold_may_come_out_even_and_the_classes_of_all_rows_not() -> None:
    draws = np.random.default_rng(0)
    data = open_data((draws.normal(size=(47, 3)), np.repeat([0, 1], [24, 23])))
    recipe = choose(shape_of(data))[0].edit(["balance=weights"])
    work = Work(data, recipe, folds=2)
    even = [len(set(np.bincount(fold.y[fold.splits["train"]]).tolist())) == 1 for fold in work.folds]
    assert any(even)
    for number in range(2):
        setup = work.set_up(Trial(number=number, edits=(), seed=0, epochs=1.0, fold=number))
        assert torch.isfinite(setup.loss(torch.zeros(2, 2), torch.tensor([0, 1])))
    with pytest.raises(BadValue, match="balance=weights has no effect: every class has"):
        whole = open_data((draws.normal(size=(400, 3)), np.repeat([0, 1], 200)))
        Work(whole, recipe, folds=2).set_up(Trial(number=0, edits=(), seed=0, epochs=1.0))


def test_photos_of_a_fold_are_cut_from_the_one_mapped_file(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    for number in range(24):
        folder = tmp_path / "photos" / ("left", "right")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (40, 48 + number, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    data = open_data(tmp_path / "photos", image_size=16, short_side=20, cache=tmp_path / "cache")
    recipe = choose(shape_of(data))[0].edit(["augment=resized_crop", "batch_size=4", "short_side=20"])
    work = Work(data, recipe, folds=3)
    held = []
    for number, fold in enumerate(work.folds):
        setup = work.set_up(Trial(number=number, edits=(), seed=0, epochs=1.0, fold=number))
        assert fold.x is data.x
        assert setup.feeds["train"].batch(0)[0].shape == (4, 3, 16, 16)
        held += [x for x, _ in setup.feeds["valid"].passes(8)]
    assert len(torch.unique(torch.cat(held).flatten(1), dim=0)) == 24


def _rows(x: np.ndarray, rows: np.ndarray) -> set[bytes]:
    return {x[row].tobytes() for row in rows}


def test_preprocessing_is_fitted_on_the_rows_that_are_learnt_from() -> None:
    data = open_data("iris")
    work = Work(data, choose(shape_of(data))[0], folds=3)
    for number, fold in enumerate(work.folds):
        setup = work.set_up(Trial(number=number, edits=(), seed=0, epochs=1.0, fold=number))
        train = torch.from_numpy(np.array(fold.x[fold.splits["train"]])).float()
        expected = (train - train.mean(0)) / train.std(0, unbiased=False)
        prepared, _ = setup.feeds["train"].some(range(len(train)))
        assert torch.allclose(prepared, expected, atol=1e-4)
        assert len(setup.feeds["valid"]) == len(fold.splits["valid"])


def test_values_are_spread_over_the_folds() -> None:
    data = open_data("diabetes")
    means = [data.y[fold.splits["valid"]].mean() for fold in fold_data(data, 5, seed=0)]
    assert np.std(means) < 0.1 * np.std(data.y)


def test_a_data_set_of_ones_own_is_folded_by_its_targets() -> None:
    data = wrap(TensorDataset(torch.randn(30, 4), torch.arange(30) % 3))
    folds = fold_data(data, 3, seed=0)
    assert sorted(np.concatenate([fold.splits["valid"] for fold in folds])) == list(range(30))


@pytest.mark.parametrize(
    ("count", "error", "words"), [(1, BadValue, "at least 2"), (0, BadValue, "at least 2"), (51, BadData, "at most")]
)
def test_folds_that_cannot_be(count: int, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fold_data(open_data("iris"), count, seed=0)


def test_the_rarest_class_is_named() -> None:
    x = np.random.default_rng(0).normal(size=(43, 3))
    y = np.array([0] * 20 + [1] * 20 + [2] * 3)
    with pytest.raises(BadData, match=r"class '2' has [23]\. Take at most"):
        fold_data(open_data((x, y)), 5, seed=0)


def test_groups_are_one_for_each_row() -> None:
    data = open_data("iris")
    with pytest.raises(BadValue, match=r"\(150,\)"):
        fold_data(data, 3, seed=0, groups=np.zeros(7, np.int64))
    with pytest.raises(BadData, match="has 1"):
        fold_data(data, 3, seed=0, groups=np.zeros(len(data.y), np.int64))
