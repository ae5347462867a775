from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainwell.data.open import open_data
from trainwell.errors import BadData, BadValue

RNG = np.random.default_rng(0)


def images(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def labels(count: int) -> np.ndarray:
    return np.arange(count) % 3


def refused(source: Any, **options: Any) -> str:
    with pytest.raises(BadData) as caught:
        open_data(source, **options)
    return str(caught.value)


def test_npz_of_images(tmp_path: Path) -> None:
    x = images(60, 8, 6, 3)
    np.savez(tmp_path / "a.npz", x=x, y=labels(60), junk=np.zeros(1))
    data = open_data(tmp_path / "a.npz")
    assert (data.x == x).all() and data.kind == "images" and data.classes == ("0", "1", "2")
    assert {part: len(rows) for part, rows in data.splits.items()} == {"train": 54, "valid": 6}
    assert data.notes[0] == "60 images of 6 x 8 RGB" and "arrays not used: junk" in data.notes


@pytest.mark.parametrize(
    ("shape", "expected", "note"),
    [
        ((12, 8, 8), (12, 8, 8, 1), None),
        ((12, 8, 8, 1), (12, 8, 8, 1), None),
        ((12, 3, 8, 6), (12, 8, 6, 3), "x taken as (N, C, H, W), 3 channels"),
        ((12, 3, 8, 3), (12, 3, 8, 3), None),
        ((12, 8, 8, 4), (12, 8, 8, 4), None),
    ],
)
def test_layouts(shape: tuple[int, ...], expected: tuple[int, ...], note: str | None) -> None:
    x = images(*shape)
    data = open_data((x, labels(12)), parts="all")
    assert data.x.shape == expected and (note is None or note in data.notes)
    assert data.x[3].sum() == x[3].sum() and data.x.flags.c_contiguous
    if note:
        assert data.x[5, 2, 1, 0] == x[5, 0, 2, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([0.0, 127.6, 255.0]), [0, 128, 255]),
        (np.array([0, 25700, 65535], np.uint16), [0, 100, 255]),
        (np.array([0, 7, 255], np.int64), [0, 7, 255]),
        (np.array([False, True, True]), [0, 255, 255]),
    ],
)
def test_ranges(values: np.ndarray, expected: list[int]) -> None:
    data = open_data((values.reshape(3, 1, 1), [0, 1, 1]), parts="all")
    assert data.x.dtype == np.uint8 and data.x.ravel().tolist() == expected


@pytest.mark.parametrize("bad", [-1.0, 300.0, float("nan")])
def test_ranges_that_cannot_be_told(bad: float) -> None:
    x = np.zeros((4, 2, 2))
    x[0, 0, 0] = bad
    assert "Expected 0..255 or 0..1" in refused((x, labels(4)))


def test_tensors_and_given_parts() -> None:
    source = {
        "x_train": torch.from_numpy(images(30, 4, 4)),
        "y_train": torch.arange(30) % 3,
        "x_valid": torch.from_numpy(images(6, 4, 4)),
        "y_valid": torch.arange(6) % 3,
        "x_test": "never looked at",
        "y_test": "never looked at",
    }
    data = open_data(source)
    assert data.splits["train"].tolist() == list(range(30)) and data.splits["valid"].tolist() == list(range(30, 36))
    half = (torch.rand(12, 5, dtype=torch.bfloat16, requires_grad=True), torch.arange(12) % 2)
    assert open_data(half).x.shape == (12, 5)


def test_test_part_alone_is_opened_for_evaluation() -> None:
    source = {"x_train": 0, "y_train": 0, "x_test": images(6, 4, 4), "y_test": labels(6)}
    assert open_data(source, parts="test").splits["test"].tolist() == list(range(6))


def test_tables_and_missing_values() -> None:
    x = RNG.normal(size=(100, 3))
    x[7, 1] = np.nan
    data = open_data((x, RNG.normal(size=(100, 2))))
    assert data.kind == "table" and data.task == "regression" and data.y.shape == (100, 2)
    assert data.x.shape == (100, 4) and np.isfinite(data.x).all()
    assert data.facts["features"] == ["x0", "x1", "x1 is missing", "x2"] or 7 not in data.splits["train"]


def test_fingerprint_follows_the_content() -> None:
    x, y = images(12, 4, 4), labels(12)
    first = open_data((x, y)).fingerprint
    assert open_data((x.copy(), y)).fingerprint == first
    assert open_data((x, y[::-1].copy())).fingerprint != first
    assert open_data((x + 1, y)).fingerprint != first


def test_size_asked_for_and_size_of_the_run() -> None:
    x = images(12, 8, 8, 3)
    trained = open_data((x, labels(12)), image_size=4)
    assert trained.x.shape == (12, 4, 4, 3)
    assert "scaled from 8 x 8 and centre-cropped to 4 x 4" in trained.notes
    assert open_data((x, labels(12)), parts="test", like=trained.decoding).x.shape == (12, 4, 4, 3)
    with pytest.raises(BadValue, match="image_size has no effect"):
        open_data((RNG.normal(size=(12, 3)), labels(12)), image_size=4)


def test_what_does_not_fit_the_run() -> None:
    grey = open_data((images(12, 8, 8), labels(12)))
    assert "images of 3 channels, and the model was trained on 1" in refused(
        (images(4, 8, 8, 3), labels(4)), like=grey.decoding, parts="test"
    )
    assert "the model was trained on images" in refused(
        (RNG.normal(size=(4, 3)), labels(4)), like=grey.decoding, parts="test"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"a": 1}, "holds a. Expected x and y"),
        ({"x": images(4, 4, 4)}, "Expected x and y"),
        ((images(4, 4, 4), labels(3)), "x has 4 rows and y has 3. Expected one y for each x."),
        ((images(0, 4, 4), labels(0)), "has no rows"),
        ((images(4), labels(4)), "Expected a table (N, F) or images"),
        ((images(4, 5, 6, 7), labels(4)), "Expected images with 1 to 4 channels"),
        ((np.array([["a", "b"]] * 4), labels(4)), "goes in a .csv file"),
        ((images(6, 4, 4), np.zeros(6, int)), "has one class only: 0"),
        ((1, 2, 3), "Data came as tuple of 3. Expected the path of"),
        (iter([]), "Data came as list_iterator"),
    ],
)
def test_refusals(source: Any, message: str) -> None:
    assert message in refused(source)


def test_npz_with_objects_or_damaged(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", x=np.array([{}, {}], dtype=object), y=labels(2))
    assert "holds Python objects" in refused(tmp_path / "objects.npz")
    (tmp_path / "cut.npz").write_bytes(b"PK\3\4 cut")
    assert "cannot be read as .npz" in refused(tmp_path / "cut.npz")
    (tmp_path / "text.npz").write_text("hello")
    assert "text.npz" in refused(tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", images(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    assert "holds a single array" in refused(tmp_path / "one.npz")
