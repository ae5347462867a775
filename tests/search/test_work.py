"""What trials share changes nothing of what each of them learns from."""

from pathlib import Path

import pytest
import torch

from trainwell.data.open import open_data
from trainwell.recipes import choose
from trainwell.search.trial import Trial
from trainwell.search.work import Work
from trainwell.training.setup import set_up, shape_of


@pytest.mark.parametrize("edits", [("batch_size=24",), ("augment=flip,color_jitter", "views=one"), ("augment=none",)])
@pytest.mark.parametrize("preprocess", ["standardize", "zero_center"])
def test_a_trial_sees_the_batches_that_it_would_see_alone(
    edits: tuple[str, ...], preprocess: str, quarters: Path
) -> None:
    data = open_data(quarters)
    work = Work(data, choose(shape_of(data))[0])
    work.set_up(Trial(number=0, edits=("preprocess=standardize",), seed=0, epochs=1.0))
    trial = Trial(number=1, edits=(f"preprocess={preprocess}", *edits), seed=3, epochs=2.0)
    shared, alone = work.set_up(trial), set_up(data, work.recipe_of(trial), work.device)
    for step in (0, 7):
        for mine, theirs in zip(shared.feeds["train"].batch(step), alone.feeds["train"].batch(step), strict=True):
            assert torch.equal(mine, theirs)
    for mine, theirs in zip(next(shared.feeds["valid"].passes(32)), next(alone.feeds["valid"].passes(32)), strict=True):
        assert torch.equal(mine, theirs)
    weights = zip(shared.model.parameters(), alone.model.parameters(), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in weights)


def test_a_trial_is_its_edits_its_seed_and_its_length(quarters: Path) -> None:
    data = open_data(quarters)
    work = Work(data, choose(shape_of(data))[0])
    recipe = work.recipe_of(Trial(number=0, edits=("optimizer=sgd", "optimizer.lr=0.5"), seed=9, epochs=0.5))
    assert (recipe.optimizer.name, recipe.optimizer.args["lr"], recipe.seed, recipe.epochs) == ("sgd", 0.5, 9, 0.5)
    assert recipe.measure == ()


def test_calibration_decides_what_is_auto(quarters: Path, tmp_path: Path) -> None:
    data = open_data(quarters)
    work = Work(data, choose(shape_of(data))[0].replace(threads=1)).calibrated(tmp_path)
    assert "auto" not in (work.recipe.precision, work.recipe.layout, work.recipe.compile)
    assert work.engine().threads == 1 and work.engine(threads=2).threads == 2
    assert work.engine().precision == work.recipe.precision
