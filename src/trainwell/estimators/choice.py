"""From the parameters of an estimator and the shape of its data to a whole recipe."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from trainwell.errors import BadValue
from trainwell.family import Part, check_value
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.recipe import FAMILIES, LIMITS, Recipe, check_edits, parse_value
from trainwell.recipes import Shape, build, choose, loss_for

INSIDE = {
    "widths": ("model", "widths"),
    "dropout": ("model", "dropout"),
    "lr": ("optimizer", "lr"),
    "weight_decay": ("optimizer", "weight_decay"),
}
ELSEWHERE = {
    "seed": "random_state decides it",
    "measure": "an estimator keeps no record of measurements; take trainwell.fit",
    "measure_every": "an estimator keeps no record of measurements; take trainwell.fit",
    "silence": "an estimator asks no rules; take trainwell.check",
    "image_size": "scale the images before they come here",
    "short_side": "scale the images before they come here",
    "image_fit": "scale the images before they come here",
    "transfer": "an estimator trains from scratch; take trainwell.finetune",
    "freeze": "an estimator trains from scratch; take trainwell.finetune",
    "layer_decay": "an estimator trains from scratch; take trainwell.finetune",
    "feature_copies": "an estimator trains from scratch; take trainwell.finetune",
}
_FOR_FILES = ("image_size", "short_side", "image_fit", "transfer", "freeze", "layer_decay", "feature_copies")
_KINDS = typing.get_type_hints(Recipe)
FIELDS = tuple(name for name in _KINDS if name not in ELSEWHERE)
WHOLE_ROWS = 500  # up to here a step takes the whole table: it costs hardly more than one of 32 rows
_WHOLE_STEPS = 200
_MOST_DECAY, _LEAST_DECAY, _DECAYED_ROWS = 3.0, 0.3, 1500  # decay 1500 / rows: the fewer, the more is learnt by heart
_BATCH = 256  # a step of a small network costs hardly more than one of fewer rows, and an epoch has fewer of them


def recipe_for(
    shape: Shape,
    given: Mapping[str, Any],
    recipe: Recipe | Mapping[str, Any] | str | None,
    edits: Sequence[str] | str,
    seed: int,
) -> Recipe:
    """The recipe that the parameters of an estimator ask for.

    Args:
        shape: What is known of the data.
        given: Parameters by name, those of `FIELDS` and `INSIDE`; None leaves the choice to the recipe.
        recipe: A recipe, its JSON, or the name of one; None chooses by the data.
        edits: `key=value` edits, made last.
        seed: Of every draw.

    Raises:
        UnknownName: No technique, argument or recipe of that name.
        BadValue: A value that is not possible, or one that comes twice.
    """
    edits = (edits,) if isinstance(edits, str) else edits
    if not isinstance(edits, Sequence) or not all(isinstance(edit, str) for edit in edits):
        raise BadValue(f"edits={edits!r} is not possible: expected key=value, or a list of them.")
    pairs = dict(check_edits(edits))
    values = {name: _plain(value) for name, value in given.items() if value is not None}
    _refuse_edits(pairs, values)
    size = values.get("batch_size", parse_value(pairs["batch_size"]) if "batch_size" in pairs else None)
    size = check_value("batch_size", size, int | None, LIMITS["batch_size"])
    if recipe is None:
        chosen = choose(shape)[0]
        if shape.kind == "table":
            chosen = lean(chosen, shape, whole=shape.count <= (WHOLE_ROWS if size is None else size))
    else:
        chosen = _named(recipe, shape)
    chosen = chosen.replace(seed=seed, measure=(), silence=())
    chosen = chosen.replace(**{name: _field(name, value) for name, value in values.items() if name in FIELDS})
    for name, (field, argument) in INSIDE.items():
        if name in values:
            family = models if field == "model" else optimizers
            part = family.part(getattr(chosen, field), **{argument: _inside(name, values[name])})
            chosen = chosen.replace(**{field: part})
    if recipe is None and "model" not in values and "widths" in values and not values["widths"]:
        # What is left is a linear model, to which the recipe's linear path would add nothing.
        chosen = chosen.replace(model=models.part(chosen.model, skip=False))
    chosen = chosen.edit(edits)
    if chosen.valid_fraction is None:
        _refuse_without_validation({**values, **pairs})
    return chosen


def lean(recipe: Recipe, shape: Shape, *, whole: bool) -> Recipe:
    """The recipe of a table with decay alone against learning by heart, and a falling rate alone against noise.

    Dropout, smoothing, clipping and the average double the time of a step of so small a network. A small table is taken
    whole: no order and no mask is drawn, so that a row twice is the same as a weight of 2.

    Args:
        recipe: That of tables.
        shape: What is known of the rows.
        whole: Whether each step takes all rows.
    """
    decay = _MOST_DECAY if whole else min(_MOST_DECAY, max(_LEAST_DECAY, _DECAYED_ROWS / shape.count))
    epochs = _WHOLE_STEPS if whole else recipe.epochs * _BATCH / recipe.batch_size
    return recipe.replace(
        model=models.part(recipe.model, dropout=None),
        loss=loss_for(shape),
        optimizer=optimizers.part(recipe.optimizer, weight_decay=round(decay, 2)),
        epochs=float(epochs),
        batch_size=shape.count if whole else _BATCH,
        clip=None,
        average=None,
    )


def _named(recipe: Any, shape: Shape) -> Recipe:
    if isinstance(recipe, Recipe):
        found = recipe
    elif isinstance(recipe, Mapping):
        found = Recipe.from_json(recipe)
    elif isinstance(recipe, str):
        found = build(recipe, shape)
    else:
        raise BadValue(f"recipe={recipe!r} is not possible: expected a Recipe, its JSON, the name of one, or None.")
    plain = {field.name: field.default for field in dataclasses.fields(Recipe)}
    for name in _FOR_FILES:
        if getattr(found, name) != plain[name]:
            raise BadValue(f"{name}={getattr(found, name)} has no effect here: {ELSEWHERE[name]}.")
    return found


def _refuse_edits(pairs: Mapping[str, str], values: Mapping[str, Any]) -> None:
    """Refuse edits that would have no effect, or that a parameter makes too."""
    for key in pairs:
        field = key.partition(".")[0]
        if field in ELSEWHERE:
            raise BadValue(f"The edit of {key} has no effect here: {ELSEWHERE[field]}.")
        name = next((name for name, path in INSIDE.items() if ".".join(path) == key), key)
        if name in values:
            raise BadValue(f"{key} is given twice: by an edit, and as {name}={values[name]!r}. Leave one of them out.")


def _refuse_without_validation(asked: Mapping[str, Any]) -> None:
    for name in ("patience", "monitor", "keep"):
        if name in asked and str(asked[name]) not in ("none", "last", "auto"):
            raise BadValue(
                f"{name}={asked[name]} needs rows to judge by, and none are set aside. Give valid_fraction=0.1 too."
            )


def _field(name: str, value: Any) -> Any:
    """A value of a field: `none` is none, and words with commas between them are several."""
    family, several = FAMILIES.get(name), typing.get_origin(_KINDS[name]) is tuple
    if not isinstance(value, str) or (family is not None and value in family):
        return value
    if value.lower() == "none" and (several or type(None) in typing.get_args(_KINDS[name])):
        return () if several else None
    return tuple(word.strip() for word in value.split(",")) if several else value


def _inside(name: str, value: Any) -> Any:
    """A value of a hyper-parameter: a number for dropout is its probability."""
    if name != "dropout":
        return value
    if value == "none" or value == 0:
        return None
    return {"name": "dropout", "p": value} if isinstance(value, float | int) else value


def _plain(value: Any) -> Any:
    """The value as a recipe takes it: a number of numpy's, as a search hands it out, is a number."""
    if isinstance(value, Part | Mapping | str):
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(_plain(item) for item in value) if isinstance(value, list | tuple) else value
