"""Recipes by name: complete runs, sized to the data.

A member takes what is known of the data and returns all of a run as plain data::

    (shape: Shape) -> Recipe

`small_images`, `large_images` and `table` are ours, and `choose` takes one of them from what the data is and says why;
the others follow a source each, and are asked for: `recipe=resnet-he`.
"""

import math
import re
from dataclasses import dataclass

from trainwell.errors import BadValue
from trainwell.family import Family, Part
from trainwell.losses import losses
from trainwell.measurements import measurements
from trainwell.recipe import Recipe

recipes = Family("recipes", __name__, "recipe")

SMALL_SIDE = 64  # pixels up to which an image counts as small
_MEASURED = (
    "gradient_norm", "update_ratio", "dead_units", "saturation", "activation_scale", "gradient_flow", "weight_norm"
)  # fmt: skip
MANY = 100_000  # images from which on networks and passes are those of the papers, which are about a million photos


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
    def side(self) -> int:
        """Longer side of an image in pixels; 0 for rows."""
        return max(self.input_shape[1:], default=0)

    @property
    def is_small(self) -> bool:
        """Whether images have at most `SMALL_SIDE` pixels a side."""
        return self.side <= SMALL_SIDE

    @property
    def is_grey(self) -> bool:
        """Whether images have one channel."""
        return self.input_shape[0] == 1

    @property
    def reads_one_way(self) -> bool:
        """Whether the class names are single digits or letters, which a mirror image turns into something else."""
        return bool(self.classes) and all(re.fullmatch(r"[0-9a-zA-Z]|\d+", name) for name in self.classes)


def choose(shape: Shape) -> tuple[Recipe, str]:
    """The recipe for this data, and the reason in words."""
    if shape.kind == "table":
        return build("table", shape), f"recipe table: {shape.input_shape[0]} columns"
    height, width = shape.input_shape[1:]
    name = "small_images" if shape.is_small else "large_images"
    why = f"recipe {name}: {width} x {height} pixels, {'at most' if shape.is_small else 'more than'} {SMALL_SIDE}"
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


def epochs_for(count: int, size: int, *, steps: int, low: int, high: float = math.inf) -> float:
    """Whole passes over `count` samples that make about so many steps of `size` samples, within low .. high."""
    return float(min(high, max(low, round(steps * size / count))))


def refuse_tables(id: str, shape: Shape, largest: int | None = None) -> None:
    """Raise `BadValue` for rows of a table, and for images of more than `largest` pixels a side."""
    if shape.kind == "table":
        raise BadValue(f"recipe={id} is for images, and this data is a table. Take table, selu-mlp or maxout.")
    refuse_larger(id, shape, largest)


def refuse_larger(id: str, shape: Shape, largest: int | None) -> None:
    """Raise `BadValue` for images of more than `largest` pixels a side."""
    if largest is not None and shape.side > largest:
        raise BadValue(
            f"recipe={id} is for images of up to {largest} pixels, and these have {shape.side}. Make them smaller by "
            f"image_size={largest}, or take resnet-he or modern-convnet."
        )


def loss_for(shape: Shape, smoothing: float = 0.0) -> Part:
    """Cross entropy for classes, with labels smoothed by so much; the mean squared error for values."""
    return losses.part("cross_entropy", smoothing=smoothing) if shape.classes else losses.part("mse")


def measured() -> tuple[Part, ...]:
    """What a recipe measures in training unless it has a reason to do otherwise: the length of the steps, and the
    health of each layer, which a report draws over time."""
    return tuple(measurements.part(name) for name in _MEASURED)
