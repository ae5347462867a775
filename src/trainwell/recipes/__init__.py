"""Recipes by name: complete runs, sized to the data.

A member is `(shape: Shape) -> Recipe`: a function that returns all of a run as plain data. `choose` takes one from what
the data is, and says why.
"""

import re
from dataclasses import dataclass

from trainwell.family import Family
from trainwell.recipe import Recipe

recipes = Family("recipes", __name__, "recipe")

SMALL_SIDE = 64  # pixels up to which an image counts as small


@dataclass(frozen=True)
class Shape:
    """What a recipe needs to know of the data.

    Args:
        kind: `images` or `table`.
        input_shape: (C, H, W) or (F,).
        classes: Names of the classes; empty in regression.
        count: Samples of the training split.
    """

    kind: str
    input_shape: tuple[int, ...]
    classes: tuple[str, ...]
    count: int

    @property
    def reads_one_way(self) -> bool:
        """Whether the class names are single digits or letters, which a mirror image turns into something else."""
        return bool(self.classes) and all(re.fullmatch(r"[0-9a-zA-Z]|\d+", name) for name in self.classes)


def choose(shape: Shape) -> tuple[Recipe, str]:
    """The recipe for this data, and the reason in words."""
    if shape.kind == "table":
        return build("table", shape), f"recipe table: {shape.input_shape[0]} columns"
    height, width = shape.input_shape[1:]
    small = max(height, width) <= SMALL_SIDE
    name = "small_images" if small else "large_images"
    why = f"recipe {name}: {width} x {height} pixels, {'at most' if small else 'more than'} {SMALL_SIDE}"
    return build(name, shape), why + (
        "; no mirror images, since the classes read as digits or letters" if shape.reads_one_way else ""
    )


def build(name: str, shape: Shape) -> Recipe:
    """The recipe of this name for this data; raises `UnknownName`."""
    return recipes[name].make(shape)


def batch_size(count: int, *, steps: int, low: int, high: int) -> int:
    """The power of two within low .. high that gives an epoch about so many steps."""
    size = low
    while size * 2 <= high and count / (size * 2) >= steps:
        size *= 2
    return size
