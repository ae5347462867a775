"""What in a recipe does what an edit does: every counterpart, what has none, and edits made one after another."""

import pytest

from trainwell.edits import edits
from trainwell.family import Part
from trainwell.method.counterparts import _COUNTERPARTS, recipe_edits, written
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, build


def recipe(*changes: str) -> Recipe:
    return build("table", Shape("table", (4,), ("a", "b", "c"), 1000)).edit(changes)


def edit(name: str, **args: object) -> Part:
    return Part("edits", name, args)


@pytest.mark.parametrize(
    ("given", "change", "wanted"),
    [
        ((), edit("rate", factor=0.1), {"optimizer.lr": "0.0005"}),
        (
            ("optimizer=sgd", "optimizer.weight_decay=0.01"),
            edit("optimizer", to="adamw", lr=1e-3),
            {
                "optimizer": "adamw",
                "optimizer.lr": "0.001",
                "norm_bias_rate": "1.0",
                "optimizer.weight_decay": "0.01",
            },
        ),
        (("model.initializer=zeros",), edit("initialise"), {"model.initializer": "auto"}),
        (("model.activation=sigmoid",), edit("activation", to="relu"), {"model.activation": "relu"}),
        (("model.activation=identity",), edit("nonlinearity"), {"model.activation": "relu"}),
        ((), edit("norm", to="layer"), {"model.norm": "layer"}),
        (("preprocess=none",), edit("standardise-inputs"), {"preprocess": "standardize"}),
        (("batch_size=512",), edit("batch-size", size=16), {"batch_size": "16"}),
        (("epochs=4",), edit("epochs", factor=3.0), {"epochs": "12"}),
        (("loss=hinge",), edit("loss", to="cross_entropy"), {"loss": "cross_entropy"}),
        ((), edit("no-decay"), {"optimizer.weight_decay": "0.0"}),
        (("penalties=l1",), edit("no-penalty"), {"penalties": "none"}),
        ((), edit("no-dropout"), {"model.dropout": "none"}),
        ((), edit("dropout", p=0.4), {"model.dropout.p": "0.4"}),
        (
            ("model.dropout=none", "optimizer.weight_decay=0"),
            edit("regularise", decay=0.01, dropout=0.3),
            {"optimizer.weight_decay": "0.01", "model.dropout": "dropout", "model.dropout.p": "0.3"},
        ),
        (("model.widths=64,2",), edit("widen"), {"model.widths": "64,64"}),
        (("model.widths=8,64",), edit("widen", width=32), {"model.widths": "32,64"}),
    ],
    ids=lambda value: value.name if isinstance(value, Part) else None,
)
def test_an_edit_has_its_counterpart(given: tuple[str, ...], change: Part, wanted: dict[str, str]) -> None:
    before = recipe(*given)
    settings, needed = recipe_edits(before, (change,))
    assert settings == wanted
    assert needed == (change,)
    after = before.edit(written(settings))
    assert len(before.difference(after)) >= 1
    again, _ = recipe_edits(after, (change,)) if change.name not in ("rate", "epochs") else ({}, ())
    assert again == {}, "made a second time it changes nothing"


@pytest.mark.parametrize(
    ("given", "change"),
    [
        ((), edit("initialise")),
        ((), edit("nonlinearity")),
        ((), edit("standardise-inputs")),
        ((), edit("no-penalty")),
        ((), edit("widen")),
        (("model.dropout=none",), edit("no-dropout")),
        (("model=torch.nn:Sequential",), edit("norm")),
        (("penalties=max_norm",), edit("no-penalty")),
        ((), edit("loss", to="bce_with_logits")),
        ((), edit("hold")),
    ],
    ids=lambda value: value.name if isinstance(value, Part) else None,
)
def test_what_has_none_or_is_so_already_is_passed_over(given: tuple[str, ...], change: Part) -> None:
    assert recipe_edits(recipe(*given), (change,)) == ({}, ())


def test_edits_are_made_one_after_another() -> None:
    changes = (edit("rate", factor=10.0), edit("optimizer", to="sgd", lr=0.1), edit("hold"), edit("rate", factor=0.5))
    settings, needed = recipe_edits(recipe(), changes)
    assert needed == (changes[0], changes[1], changes[3])
    after = recipe().edit(written(settings))
    assert after.optimizer.name == "sgd"
    assert after.optimizer.args["lr"] == pytest.approx(0.05)


def test_the_table_names_edits_that_there_are() -> None:
    assert set(_COUNTERPARTS) <= set(edits.names)
