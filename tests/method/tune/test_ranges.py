"""What is searched where nothing is said, and what is tried first."""

import pytest

from trainwell.data.open import open_data
from trainwell.errors import BadValue
from trainwell.method.tune.ranges import first_proposals, own_proposal, rate_ends, space_of
from trainwell.recipe import Recipe
from trainwell.recipes import choose
from trainwell.search.space import Range
from trainwell.search.spelled import read_space
from trainwell.training.setup import shape_of


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return choose(shape_of(open_data("digits")))[0].edit(["optimizer.lr=0.1", "optimizer.weight_decay=1e-3"])


def test_rate_and_decay_unless_they_are_set(recipe: Recipe) -> None:
    assert space_of(recipe, [], [], None).names() == ["optimizer.lr", "optimizer.weight_decay"]
    assert space_of(recipe, [], ["optimizer.lr"], None).names() == ["optimizer.weight_decay"]
    named = read_space(["space.loss.smoothing=auto"])
    assert space_of(recipe, named, [], None).names()[0] == "loss.smoothing"
    assert len(space_of(recipe, named, [], None)) == 3
    with pytest.raises(BadValue, match="Nothing is left to search"):
        space_of(recipe, [], ["optimizer.lr", "optimizer.weight_decay"], None)


def test_the_range_of_rates_is_centred_by_the_tests() -> None:
    assert rate_ends(0.1, None) == pytest.approx((0.01, 0.5))
    low, high = rate_ends(0.1, {"probe": "rate_range", "suggestion": 0.02, "diverges": 0.3})
    assert (low, high) == pytest.approx((0.002, 0.2))  # below divergence, and never below the recipe's own
    assert rate_ends(0.1, {"probe": "rate_interval", "low": 0.2, "high": 0.6}) == pytest.approx((0.1 / 1.5, 0.9))


def test_first_come_the_recipes_own_settings(recipe: Recipe) -> None:
    space = space_of(recipe, [], [], None)
    own = own_proposal(space, recipe)
    assert own.edits == () and own.settings == {"optimizer.lr": 0.1, "optimizer.weight_decay": 1e-3}
    first = first_proposals(space, recipe, lambda edits: edits, 4, 0.2)
    rates = [one.settings["optimizer.lr"] for one in first]
    assert rates == pytest.approx([0.1, 0.2, 0.04, 0.25])
    assert all(space.holds(one.settings) for one in first)
    assert len(first_proposals(space, recipe, lambda edits: edits, 1, 0.2)) == 1


def test_other_techniques_begin_with_their_defaults(recipe: Recipe) -> None:
    space = space_of(recipe, read_space(["space.optimizer=sgd,adamw,lion"]), [], None)
    first = first_proposals(space, recipe, lambda edits: edits, 3, None)
    assert [one.edits for one in first] == [(), ("optimizer=adamw",), ("optimizer=lion",)]
    adamw = recipe.edit(["optimizer=adamw"]).optimizer.args
    rate = next(
        d for d in space if isinstance(d, Range) and d.key == "optimizer.lr" and d.when == ("optimizer", ("adamw",))
    )
    assert first[1].settings[rate.name] == adamw["lr"]


def test_other_rates_come_first_too_where_the_recipes_own_settings_lie_outside(recipe: Recipe) -> None:
    """Its patience is no number: no range of it holds the recipe."""
    space = space_of(recipe, read_space(["space.patience=1..3"]), [], None)
    first = first_proposals(space, recipe, lambda edits: edits, 4, 0.2)
    assert [one.edits for one in first] == [(), *((f"optimizer.lr={rate}",) for rate in ("0.2", "0.04", "0.25"))]
