"""A small study: digits, a narrow network, a fraction of an epoch."""

from pathlib import Path

import pytest

from trainwell.data.open import open_data
from trainwell.recipe import Recipe
from trainwell.recipes import choose
from trainwell.search.work import Work
from trainwell.training.setup import shape_of

SMALL = ("model=mlp", "model.widths=8", "norm_bias_rate=1", "precision=fp32", "layout=contiguous", "compile=no")


@pytest.fixture(scope="session")
def small_recipe() -> Recipe:
    """Of an MLP on digits, a step of which takes a fraction of a millisecond."""
    chosen, _ = choose(shape_of(open_data("digits")))
    return chosen.edit([*SMALL, "threads=1", "epochs=0.2", "augment=none"])


@pytest.fixture(scope="session")
def small_work(small_recipe: Recipe) -> Work:
    """The same, with its data."""
    return Work(open_data("digits"), small_recipe)


@pytest.fixture
def study_path(tmp_path: Path) -> Path:
    """A folder for a study."""
    path = tmp_path / "study"
    path.mkdir()
    return path
