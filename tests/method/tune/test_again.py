"""Curves read into what to try next."""

import pytest

from trainwell.data.open import open_data
from trainwell.method.tune.again import merged, read
from trainwell.recipe import Recipe
from trainwell.recipes import build
from trainwell.training.setup import shape_of


@pytest.fixture(scope="module")
def images() -> Recipe:
    return build("small_images", shape_of(open_data("digits")))


@pytest.fixture(scope="module")
def rows() -> Recipe:
    return build("table", shape_of(open_data("breast-cancer")))


def scores(train: float, valid: float) -> dict[str, float]:
    return {"train_accuracy": train, "valid_accuracy": valid}


def test_a_gap_asks_for_regularisation(images: Recipe, rows: Recipe) -> None:
    found = read(images, scores(0.99, 0.90), [], images=True, tried=())
    assert "a gap of 0.090" in found.words
    assert any("cutout" in change and "augment.crop.padding" in change for change in found.changes)
    assert any("mixup" in change for change in found.changes)
    found = read(rows, scores(0.99, 0.90), [], images=False, tried=())
    assert not any("augment" in change for change in found.changes)
    p = float(rows.model.args["dropout"].args["p"])
    changed = [rows.edit(change.split()) for change in found.changes]
    assert any(one.model.args["dropout"].args["p"] > p for one in changed)
    assert any(one.optimizer.args["weight_decay"] > rows.optimizer.args["weight_decay"] for one in changed)


def test_no_gap_asks_for_capacity(images: Recipe, rows: Recipe) -> None:
    found = read(images, scores(0.95, 0.95), [], images=True, tried=())
    assert "no gap" in found.words and f"model.width={images.model.args['width'] * 2}" in found.changes
    found = read(rows, scores(0.95, 0.95), [], images=False, tried=())
    assert "model.widths=128,128" in found.changes


def test_still_rising_asks_for_a_longer_training(images: Recipe) -> None:
    found = read(images, scores(0.99, 0.90), [{"problem": "still-rising"}], images=True, tried=())
    assert found.changes == (f"epochs={images.epochs * 1.5:.4g}",)


def test_nothing_is_asked_for_where_all_is_well_or_was_tried(images: Recipe) -> None:
    assert read(images, scores(1.0, 1.0), [], images=True, tried=()).changes == ()
    first = read(images, scores(0.95, 0.95), [], images=True, tried=())
    again = read(images, scores(0.95, 0.95), [], images=True, tried=first.changes)
    assert again.changes == () and "all of that was tried" in again.words


def test_changes_go_on_top_of_edits(images: Recipe) -> None:
    edits = merged(("optimizer.lr=0.1", "augment.crop.padding=0.05"), "augment=crop,cutout augment.crop.padding=0.1")
    assert edits == ("augment=crop,cutout", "optimizer.lr=0.1", "augment.crop.padding=0.1")
    assert [part.name for part in images.edit(edits).augment] == ["crop", "cutout"]
