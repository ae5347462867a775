"""Recipes: JSON both ways, edits by text, refusals."""

import dataclasses
import json
from typing import Any

import pytest

from trainwell.dropouts import dropouts
from trainwell.errors import BadValue, UnknownName
from trainwell.family import Part
from trainwell.optimizers import optimizers
from trainwell.recipe import Recipe, parse_edit, parse_value


def recipe(**fields: Any) -> Recipe:
    plain: dict[str, Any] = {
        "model": "mlp",
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.1},
        "schedule": "cosine",
        "epochs": 3,
        "batch_size": 32,
        "preprocess": "standardize",
    }
    return Recipe(**(plain | fields))


def test_parts_may_be_given_in_three_ways_and_are_resolved() -> None:
    by_name, by_json = recipe(loss="cross_entropy"), recipe(loss={"name": "cross_entropy", "smoothing": 0})
    by_part = recipe(loss=Part("losses", "cross_entropy", {"smoothing": 0.0}))
    assert by_name == by_json == by_part
    assert by_name.loss.args == {"smoothing": 0.0, "weights": None}
    assert by_name.optimizer.args["lr"] == 0.1
    assert by_name.optimizer == optimizers.resolve({"name": "sgd", "lr": 0.1})
    assert "momentum" in by_name.optimizer.args
    assert isinstance(by_name.epochs, float)
    assert recipe(augment="flip").augment == recipe(augment=["flip"]).augment == (Part("augmentations", "flip", _FLIP),)


_FLIP = {"p": 0.5, "alternate": True}


def test_json_reads_back_to_an_equal_recipe() -> None:
    one = recipe(
        model={"name": "mlp", "widths": [8], "activation": {"name": "leaky_relu", "slope": 0.2}, "dropout": "dropout"},
        augment=["flip", {"name": "mixup", "alpha": 0.4}],
        penalties=["l2"],
        clip="norm",
        average="ema",
        measure=["gradient_norm"],
        patience=3,
    )
    text = json.dumps(one.json())
    again = Recipe.from_json(json.loads(text))
    assert again == one
    assert hash(again) == hash(one)
    assert again.json() == one.json()
    assert json.dumps(again.json()) == text
    assert Recipe.from_json(recipe().json()) == recipe()
    assert list(one.json()) == [field.name for field in dataclasses.fields(Recipe)]


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe().epochs = 4.0  # type: ignore[misc]
    assert recipe().replace(epochs=4).epochs == 4.0
    with pytest.raises(BadValue, match="epochs=-1 is not possible"):
        recipe().replace(epochs=-1)


def test_unknown_and_missing_fields_are_named() -> None:
    content = recipe().json()
    with pytest.raises(UnknownName, match=r"There is no field of a recipe called 'epoch'\. Did you mean 'epochs'"):
        Recipe.from_json(content | {"epoch": 3})
    del content["loss"], content["epochs"]
    with pytest.raises(BadValue, match=r"^The recipe lacks loss, epochs\.$"):
        Recipe.from_json(content)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("optimizer=agd", "There is no optimizer called 'agd'. Did you mean 'sgd'? Known: adagrad, adam, "),
        ("optimiser=sgd", "There is no field of a recipe called 'optimiser'. Did you mean 'optimizer'?"),
        ("optimizer.rate=1", "There is no argument of optimizers/sgd called 'rate'."),
        ("model.activation=rely", "There is no activation called 'rely'. Did you mean 'relu'?"),
        ("model.activation.slop=1", "There is no argument of activations/relu called 'slop'."),
        (
            "model.activatoin.slope=1",
            "There is no technique inside model called 'activatoin'. Did you mean 'activation'?",
        ),
        ("optimizer.lr.x=1", "There is no technique inside optimizer called 'lr'."),
        ("augment=flip,crob", "There is no augmentation called 'crob'. Did you mean 'crop'?"),
    ],
)
def test_unknown_names_in_edits_are_answered_with_the_nearest(edit: str, message: str) -> None:
    with pytest.raises(UnknownName) as caught:
        recipe().edit([edit])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("epochs=0", "epochs=0 is not possible: expected a value in (0, inf)."),
        ("epochs=inf", "epochs=inf is not possible: expected a value in (0, inf)."),
        ("epochs=nan", "epochs is not a number (NaN): expected (0, inf)."),
        ("epochs=ten", "epochs='ten' is not possible: expected a number."),
        ("batch_size=0", "batch_size=0 is not possible: expected a value in [1, inf)."),
        ("batch_size=1.5", "batch_size=1.5 is not possible: expected a whole number."),
        ("batch_size=none", "batch_size=None is not possible: expected a whole number."),
        ("optimizer.lr=abc", "sgd.lr='abc' is not possible: expected a number."),
        ("optimizer.lr=-1", "sgd.lr=-1 is not possible: expected a value in "),
        ("warmup=1", "warmup=1 is not possible: expected a value in [0, 1)."),
        ("seed=-1", "seed=-1 is not possible: expected a value in [0, 9007199254740991]."),
        ("patience=0", "patience=0 is not possible: expected a value in [1, inf)."),
        ("keep=first", "keep='first' is not possible: expected one of 'auto', 'best', 'last'."),
        ("compile=true", "compile=True is not possible: expected one of 'auto', 'yes', 'no'."),
        ("model.widths=8,x", "mlp.widths=[8, 'x'] is not possible: expected a list of values."),
        ("optimizer=none", "Expected the name of one of optimizers, got None. Known: "),
        ("epochs", "'epochs' is no edit of the recipe: expected key=value, for example optimizer.lr=3e-4."),
        ("=3", "'=3' is no edit of the recipe"),
        ("epochs.x=3", "epochs.x: epochs is a plain value and has no parts. Write epochs=..."),
        ("clip.limit=1", "clip.limit: the recipe has no clip. Name one first: clip=..."),
        ("model.dropout.p=0.1", "model.dropout.p: the recipe has no model.dropout. Name one first: model.dropout=..."),
        (
            "augment.mixup.alpha=1",
            "augment.mixup.alpha: the recipe has no 'mixup' among augment. Add it: augment=...,mixup",
        ),
        ("augment.flip=1", "augment.flip names a technique; write what to set in it, for example augment.flip.p=0.1"),
    ],
)
def test_impossible_edits_are_refused(edit: str, message: str) -> None:
    with pytest.raises(BadValue) as caught:
        recipe(augment=["flip"]).edit([edit])
    assert str(caught.value).startswith(message)


def test_edits_change_what_they_name_and_leave_the_rest() -> None:
    edited = recipe().edit(["optimizer.lr=3e-4", "epochs=5", "seed=7", "patience=3", "keep=last", "image_size=none"])
    assert edited.optimizer.args["lr"] == 3e-4
    assert (edited.epochs, edited.seed, edited.patience, edited.keep, edited.image_size) == (5.0, 7, 3, "last", None)
    assert edited.replace(**{n: getattr(recipe(), n) for n in ("optimizer", "epochs", "seed", "patience", "keep")}) == (
        recipe()
    )
    assert recipe().edit([]) == recipe()


def test_the_order_of_edits_does_not_matter() -> None:
    edits = ["optimizer.lr=0.01", "optimizer=adamw", "model.activation.slope=0.2", "model.activation=leaky_relu"]
    expected = recipe(
        optimizer={"name": "adamw", "lr": 0.01},
        model={"name": "mlp", "activation": {"name": "leaky_relu", "slope": 0.2}},
    )
    assert recipe().edit(edits) == recipe().edit(edits[::-1]) == expected


def test_a_technique_named_anew_starts_from_its_own_defaults() -> None:
    with_momentum = recipe(optimizer={"name": "sgd", "lr": 0.5, "momentum": 0.1})
    assert with_momentum.edit(["optimizer=adam"]).optimizer == optimizers.resolve("adam")
    assert with_momentum.edit(["optimizer.momentum=0.2"]).optimizer.args["lr"] == 0.5


def test_lists_are_written_with_commas() -> None:
    edited = recipe().edit(["augment=flip, crop,mixup", "augment.mixup.alpha=0.4", "measure=gradient_norm"])
    assert [part.name for part in edited.augment] == ["flip", "crop", "mixup"]
    assert edited.augment[2].args["alpha"] == 0.4
    assert [part.name for part in edited.measure] == ["gradient_norm"]
    assert edited.edit(["augment=none"]).augment == ()
    assert edited.edit(["augment="]).augment == ()
    assert recipe().edit(["model.widths=64,32"]).model.args["widths"] == (64, 32)
    assert recipe().edit(["model.widths=64"]).model.args["widths"] == (64,)


def test_what_may_be_absent_is_taken_away_by_none() -> None:
    full = recipe(clip="norm", average="ema", model={"name": "mlp", "dropout": "dropout"})
    edited = full.edit(["clip=none", "average=NONE", "model.dropout=none"])
    assert (edited.clip, edited.average, edited.model.args["dropout"]) == (None, None, None)
    again = edited.edit(["clip=value", "clip.limit=0.5", "model.dropout=dropout", "model.dropout.p=0.25"])
    assert again.clip == Part("clippings", "value", {"limit": 0.5})
    assert again.model.args["dropout"] == dropouts.resolve({"name": "dropout", "p": 0.25})


def test_words_without_arguments_are_a_list() -> None:
    edited = recipe().edit(["silence=large_head, selu_norm"])
    assert edited.silence == ("large_head", "selu_norm")
    assert recipe(silence="large_head").silence == recipe(silence=["large_head"]).silence == ("large_head",)
    assert edited.edit(["silence=none"]).silence == recipe().edit(["silence="]).silence == ()
    assert Recipe.from_json(json.loads(json.dumps(edited.json()))) == edited


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(BadValue, match=r"^epochs is given 2 times; once is enough\.$"):
        recipe().edit(["epochs=3", "seed=1", "epochs=3"])


def test_a_network_of_ones_own_is_named_by_module() -> None:
    one = recipe().edit(["model=torch.nn:Linear", "model.in_features=3", "model.out_features=2", "model.bias=false"])
    assert one.model.name == "torch.nn:Linear"
    assert one.model.args["bias"] is False
    assert Recipe.from_json(json.loads(json.dumps(one.json()))) == one


def test_none_is_a_word_where_a_field_has_it_and_nothing_elsewhere() -> None:
    one = recipe().edit(["balance=sampler"]).edit(["balance=none", "transfer=none", "clip=none"])
    assert (one.balance, one.transfer, one.clip) == ("none", None, None)


def test_difference_names_each_field_that_differs() -> None:
    assert recipe().difference(recipe()) == []
    assert recipe().difference(recipe(epochs=5, loss={"name": "focal", "gamma": 3})) == [
        'loss: {"name": "cross_entropy", "smoothing": 0.0, "weights": null} -> {"name": "focal", "gamma": 3.0}',
        "epochs: 3.0 -> 5.0",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("3e-4", 3e-4), ("True", True), ("false", False), ("none", None), ("NULL", None), ("cosine", "cosine")],
)
def test_text_is_read_as_the_plain_value_it_shows(text: str, value: Any) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_spaces_around_an_edit_do_not_matter_and_a_value_may_hold_an_equals_sign() -> None:
    assert parse_edit(" optimizer.lr = 3 ") == ("optimizer.lr", "3")
    assert parse_edit("model=a=b") == ("model", "a=b")
