"""Work handed over in a folder comes out as it went in."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from trainwell.data.open import open_data
from trainwell.data.photos import Photos
from trainwell.data.wrap import wrap
from trainwell.recipe import Recipe
from trainwell.search.running.parcel import pack, unpack
from trainwell.search.work import Work

from .conftest import trial


def handed_over(work: Work, folder: Path) -> Work:
    """The work after its way through a folder."""
    folder.mkdir()
    pack(work, folder)
    return unpack(folder)


def test_a_table_with_folds(recipe: Recipe, tmp_path: Path) -> None:
    data = open_data("iris")
    before = Work(data, recipe, folds=3, keep_memory=False)
    after = handed_over(before, tmp_path / "work")
    assert after.recipe == before.recipe and after.keep_memory is False
    assert np.array_equal(after.data.x, data.x) and np.array_equal(after.data.y, data.y)
    assert after.data.x.dtype == data.x.dtype and after.data.y.dtype == data.y.dtype
    for mine, theirs in zip((after.data, *after.folds), (data, *before.folds), strict=True):
        assert list(mine.splits) == list(theirs.splits)
        assert all(np.array_equal(mine.splits[name], theirs.splits[name]) for name in mine.splits)
        assert mine.facts == theirs.facts
    assert after.data.describe() == data.describe()


def test_an_array_that_is_a_map_goes_by_its_place(quarters: Path, recipe: Recipe, tmp_path: Path) -> None:
    data = open_data(quarters)
    path = tmp_path / "images.bin"
    path.write_bytes(b"head" * 16 + data.x.tobytes())
    mapped: np.ndarray = np.memmap(path, np.uint8, "r", 64, data.x.shape)
    for x, is_copied in ((mapped, False), (mapped[:], True), (data.x, True)):
        folder = tmp_path / f"work-{is_copied}-{type(x.base).__name__}"
        after = handed_over(Work(dataclasses.replace(data, x=x), recipe.edit(["batch_size=32"])), folder)
        assert np.array_equal(after.data.x, data.x)
        assert (folder / "x.bin").exists() is is_copied
    content = json.loads((tmp_path / "work-False-mmap" / "work.json").read_text())
    assert content["data"]["x"]["path"] == str(path)


def test_photos_go_by_their_place(recipe: Recipe, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for n in range(24):
        path = tmp_path / "photos" / "ab"[n % 2] / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 24 + n, 3), dtype=np.uint8)).save(path)
    data = open_data(tmp_path / "photos", image_size=8, short_side=12, cache=tmp_path / "cache")
    x = handed_over(Work(data, recipe.edit(["batch_size=8"])), tmp_path / "work").data.x
    assert isinstance(x, Photos) and x.shape == (24, 8, 8, 3)
    assert not (tmp_path / "work" / "x.bin").exists()
    assert np.array_equal(x[:], data.x[:]) and np.array_equal(x.stored(5), data.x.stored(5))  # type: ignore[attr-defined]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8])
def test_tensors_of_a_data_set_of_ones_own(dtype: torch.dtype, recipe: Recipe, tmp_path: Path) -> None:
    x = torch.arange(60 * 6).view(60, 6).to(dtype)
    data = wrap(TensorDataset(x, torch.arange(60) % 3))
    after = handed_over(Work(data, recipe.edit(["preprocess=none"])), tmp_path / "work")
    assert after.data.x.dtype == dtype and torch.equal(after.data.x, x)


class Rows(Dataset):  # type: ignore[type-arg]
    """Samples that are made when they are asked for."""

    def __len__(self) -> int:
        return 600

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return torch.full((6,), float(row)), row % 3


def test_a_data_set_is_read_sample_by_sample(recipe: Recipe, tmp_path: Path) -> None:
    before = Work(wrap(Rows()), recipe.edit(["preprocess=none"]))
    after = handed_over(before, tmp_path / "work")
    (x, y), (x_after, y_after) = (work.set_up(trial(0)).feeds["train"].batch(3) for work in (before, after))
    assert torch.equal(x, x_after) and torch.equal(y, y_after)
