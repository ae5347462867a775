"""Spaces as a person writes them: what is understood, and what is refused before and after a recipe is known."""

import pytest

from trainwell.errors import BadValue, Refused, UnknownName
from trainwell.recipe import Recipe
from trainwell.search.space import Choice, Range
from trainwell.search.spelled import bind, declared, read_space, text_in, value_of

WRONG = {
    "optimzer.lr=1e-3..1": "Did you mean 'optimizer'",
    "optimizer.lrr=1..2": "Did you mean 'lr'",
    "optimizer.lr=-1..2": r"sgd.lr=-1 is not possible|lr=-1 is not possible",
    "optimizer.lr=3..2": "has to be below the upper one",
    "optimizer.lr=2..2": "has to be below the upper one",
    "optimizer.lr=0..2:log": "begin above 0",
    "optimizer.lr=1..2:lg": "ends with :log or :linear",
    "optimizer.lr=1..2..3": "expected two numbers",
    "optimizer.lr=a..b": "expected two numbers",
    "optimizer.lr=nan..1": "expected two numbers",
    "optimizer.lr=0.1": "at least two different values",
    "optimizer=sgd,sgd": "at least two different values",
    "optimizer=sgd,loin": "Did you mean 'lion'",
    "optimizer=1..3": "names techniques",
    "epochs=auto": "no declared range",
    "epochs=-1..3": "epochs=-1",
    "epochs.x=1..2": "plain value",
    "seed=1..3": "the same for all trials",
    "optimizer.lr=": "no range to search",
    "optimizer.lr": "no range to search",
}


@pytest.mark.parametrize("text", WRONG)
def test_refused_whatever_the_data_is(text: str) -> None:
    with pytest.raises(Refused, match=WRONG[text]):
        read_space([f"space.{text}"])


def test_given_twice() -> None:
    with pytest.raises(BadValue, match="given twice"):
        read_space(["space.optimizer.lr=1e-3..1", "space.optimizer.lr=auto"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model.dropout.p=0.1..0.5", "has no model.dropout"),
        ("augment.mixup.alpha=auto", "no 'mixup' among augment"),
        ("optimizer.alpha=auto", "no argument of optimizers/sgd called 'alpha'"),
        ("optimizer.nesterov=auto", "no declared range"),
    ],
)
def test_refused_by_the_recipe(text: str, words: str, small_recipe: Recipe) -> None:
    asked = read_space([f"space.{text}"])
    with pytest.raises((BadValue, UnknownName), match=words):
        bind(asked, small_recipe)


def test_ranges_take_the_declared_scale_and_ends(small_recipe: Recipe) -> None:
    texts = [
        "optimizer.lr=1e-4..1e-1",
        "optimizer.momentum=auto",
        "batch_size=16..64",
        "optimizer.weight_decay=1e-4..1:linear",
    ]
    rate, momentum, size, decay = sorted(
        bind(read_space(texts), small_recipe), key=lambda d: texts.index(next(t for t in texts if t.startswith(d.key)))
    )
    assert isinstance(rate, Range) and rate.log and not rate.whole
    assert isinstance(momentum, Range) and (momentum.low, momentum.high, momentum.log) == (0.8, 0.99, False)
    assert isinstance(size, Range) and size.whole
    assert isinstance(decay, Range) and not decay.log


def test_ends_of_the_study_stand_for_the_recipes_own_technique_only(small_recipe: Recipe) -> None:
    asked = read_space(["optimizer=sgd,adamw", "optimizer.lr=auto", "optimizer.momentum=0.5..0.9"])
    kind, *others = bind(asked, small_recipe, {"optimizer.lr": (0.2, 0.4)})
    assert isinstance(kind, Choice) and kind.own == "sgd"
    ranges = {(d.key, d.when): d for d in others if isinstance(d, Range)}
    of_sgd, of_adamw = (ranges["optimizer.lr", ("optimizer", (name,))] for name in ("sgd", "adamw"))
    assert (of_sgd.low, of_sgd.high) == (0.2, 0.4)
    assert (of_adamw.low, of_adamw.high) == (1e-4, 1e-2)  # as adamw declares it
    assert ("optimizer.momentum", ("optimizer", ("sgd",))) in ranges  # adamw has none


def test_values_with_commas_are_divided_by_slashes(small_recipe: Recipe) -> None:
    (widths,) = bind(read_space(["model.widths=64,64/128"]), small_recipe)
    assert isinstance(widths, Choice) and widths.values == ("64,64", "128")
    assert small_recipe.edit(["model.widths=64,64"]).model.args["widths"] == (64, 64)


def test_looking_into_a_recipe(small_recipe: Recipe) -> None:
    assert value_of(small_recipe, "optimizer") == "sgd"
    assert value_of(small_recipe, "model.activation") == small_recipe.model.args["activation"].name
    assert value_of(small_recipe, "augment") == ""
    assert declared(small_recipe, "optimizer.lr") == (1e-3, 1.0, "log")
    assert declared(small_recipe, "epochs") is None


def test_the_recipes_own_value_is_known_however_it_is_written(small_recipe: Recipe) -> None:
    recipe = small_recipe.edit(["model.widths=64,64", "model.skip=false", "model.dropout=none"])
    assert text_in(recipe, "model.widths", ["128", "64,64"]) == "64,64"
    assert text_in(recipe, "model.skip", ["true", "False"]) == "False"
    assert text_in(recipe, "model.dropout", ["dropout", "none"]) == "none"
    assert text_in(recipe, "model.widths", ["64", "128"]) is None
    (widths,) = bind(read_space(["model.widths=64,64/128"]), recipe)
    assert isinstance(widths, Choice) and widths.own == "64,64"
