"""Step 1 of the method: look at the data, and choose a recipe for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trainwell.augmentations import augmentations
from trainwell.data.augment import photo_scale
from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.data.wrap import is_dataset, wrap
from trainwell.errors import Refused
from trainwell.method.screen import Screen
from trainwell.models import models
from trainwell.models.given import GIVEN
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe, check_edits, parse_edit, parse_value
from trainwell.recipes import Shape, build, choose, recipes
from trainwell.report.events import refuse_without_tensorboard
from trainwell.schedules import schedules
from trainwell.training.setup import shape_of


@dataclass(frozen=True)
class Options:
    """Options of a run, not of its recipe.

    Args:
        target: Column to predict, for a table file.
        max_broken: Share of broken files above which the data is refused.
        cache: Folder for decoded data and calibrations; None is the user's cache folder.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        checks: Whether to run the checks before training.
        tensorboard: Whether the record of a training is also written as TensorBoard events.

    Raises:
        MissingExtra: TensorBoard's package is asked for and not installed.
    """

    target: str | None = None
    max_broken: float = 0.10
    cache: Path | None = None
    device: str = "auto"
    checks: bool = True
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if self.tensorboard:
            refuse_without_tensorboard()


@dataclass(frozen=True)
class Look:
    """Data, and the recipe for it.

    Args:
        data: The data.
        recipe: The recipe with the edits in it, not yet resolved.
        why: Which recipe was chosen, and why.
        pinned: Fields and arguments that the user set, as written: `optimizer.lr`.
        changed: In what the recipe differs from the chosen one, as `Recipe.difference` has it.
    """

    data: Data
    recipe: Recipe
    why: str
    pinned: tuple[str, ...]
    changed: tuple[str, ...] = ()


def look(
    source: Any,
    edits: Sequence[str],
    options: Options,
    screen: Screen,
    *,
    recipe: Recipe | None = None,
    own: str | None = None,
    channels: int | None = None,
    adapt: Callable[[Data, Recipe, str], tuple[Recipe, str]] | None = None,
) -> Look:
    """Open the data and choose the recipe; says what was found.

    Args:
        source: Path, built-in name, arrays, or a torch Dataset.
        edits: `key=value` edits.
        options: Options of the run.
        screen: Where to say it.
        recipe: A whole recipe, instead of the one chosen from the data.
        own: Class name of a network given as an object.
        channels: What image files are converted to; None leaves it to the files.
        adapt: Data, the recipe chosen for it and why -> the recipe to edit and why; None takes it as it is.
    """
    pairs = dict(parse_edit(edit) for edit in edits)
    name = pairs.pop("recipe", None)
    rest = [edit for edit in edits if not edit.startswith("recipe=")]
    check_edits(rest)
    if name is not None:
        recipes[name]
    guess = recipe or _guessed(name or "large_images", rest)
    data = read(source, options, screen, parts="fit", edits=pairs, recipe=guess, channels=channels)
    if recipe is not None:
        chosen, why = recipe, "recipe given"
    elif name is not None:
        chosen, why = build(name, shape_of(data)), f"recipe {name}, as asked"
    else:
        chosen, why = choose(_known(shape_of(data)))
    if adapt is not None:
        chosen, why = adapt(data, chosen, why)
    if data.kind == "own":
        chosen = chosen.replace(preprocess=preprocessing.part("none"))
    if own is not None:
        chosen = chosen.replace(model=models.part(GIVEN, network=own))
    if own is not None or ":" in pairs.get("model", ""):
        chosen = chosen.replace(norm_bias_rate=1.0)  # a recipe's own value is for the network it names
    edited = chosen.edit(rest)
    if _enlarged(edited) != _enlarged(guess) and isinstance(source, str | Path) and data.kind == "images":
        data = read(source, options, screen, parts="fit", edits=pairs, recipe=edited, channels=channels)
    for note in data.notes:
        screen.say(note)
    for broken in data.quarantined:
        screen.warn(f"set aside: {broken.path}: {broken.reason}")
    screen.say(why)
    final = consequences(chosen, edited, tuple(pairs))
    return Look(data, final, why, tuple(pairs), tuple(chosen.difference(final)))


def consequences(chosen: Recipe, edited: Recipe, pinned: tuple[str, ...]) -> Recipe:
    """The edited recipe without what the chosen one had for the sake of a technique that was replaced."""
    changes: dict[str, Any] = {}
    mirrored = any(augmentations[part.name].facts.get("mirrors") == "left_right" for part in edited.augment)
    if "augment" in pinned and not mirrored:
        changes["views"] = "one"  # what is not mirrored in training is not mirrored at test time either
    if "preprocess" in pinned and preprocessing[edited.preprocess.name].facts.get("by_position"):
        changes["views"] = "one"  # a mirror image behind it is not what it would make of the mirror image
    if "schedule" in pinned and schedules[edited.schedule.name].facts.get("own_warmup"):
        changes |= {"warmup": 0.0, "start": 0.0}
    if edited.optimizer.name != chosen.optimizer.name:
        changes["norm_bias_rate"] = 1.0  # the recipe's own value is for the steps of its own optimizer
    if edited.balance != chosen.balance:
        changes["monitor"] = "auto"  # neither loss nor accuracy shows what is done for rare classes
    return edited.replace(**{name: value for name, value in changes.items() if name not in pinned})


def read(
    source: Any,
    options: Options,
    screen: Screen,
    *,
    parts: Literal["fit", "test", "all"],
    edits: dict[str, str] | None = None,
    recipe: Recipe | None = None,
    like: dict[str, Any] | None = None,
    channels: int | None = None,
) -> Data:
    """Open a source; the fields of the recipe that decide how it is read are taken from the edits or the recipe."""
    fields = ("seed", "valid_fraction", "image_size", "short_side", "image_fit")
    asked = {name: None if recipe is None else getattr(recipe, name) for name in fields}
    asked |= {name: parse_value(text) for name, text in (edits or {}).items() if name in asked}
    seed = asked["seed"] if isinstance(asked["seed"], int) else 0
    if is_dataset(source):
        return wrap(source, seed=seed, valid_fraction=asked["valid_fraction"])
    data = open_data(
        source,
        target=options.target,
        parts=parts,
        like=like,
        seed=seed,
        valid_fraction=asked["valid_fraction"],
        image_size=asked["image_size"],
        short_side=asked["short_side"],
        enlarged=_enlarged(recipe),
        image_fit=asked["image_fit"] or "crop",
        channels=channels,
        max_broken=options.max_broken,
        cache=options.cache,
        progress=screen.reading,
    )
    screen.done()
    return data


def _guessed(name: str, edits: Sequence[str]) -> Recipe | None:
    """The recipe as it would be for photos of two classes, which says how the data is read; None if it cannot be."""
    try:
        return build(name, Shape("images", (3, 224, 224), ("one", "two"), 1000)).edit(
            [edit for edit in edits if edit.startswith("augment")]
        )
    except Refused:  # said where the recipe is made for the data as it is
        return None


def _enlarged(recipe: Recipe | None) -> float | None:
    """Short side, as a multiple of the image size, at which photos are kept for the augmentations; None for squares."""
    scales = [photo_scale(part) for part in (recipe.augment if recipe is not None else ())]
    return max((scale for scale in scales if scale is not None), default=None)


def _known(shape: Shape) -> Shape:
    """Data that is neither images nor a table gets the table's recipe, to be used with one's own network."""
    return shape if shape.kind in ("images", "table") else Shape("table", shape.input_shape, shape.classes, shape.count)
