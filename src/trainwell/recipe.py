"""A recipe: all of a training run as plain, frozen data.

JSON both ways, edited by `key=value`, refused at construction when a name or a value is wrong. Only what a field says
by itself is checked here; what two fields say together is judged by the rules in `diagnoses`.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trainwell.augmentations import augmentations
from trainwell.averages import averages
from trainwell.clippings import clippings
from trainwell.errors import BadValue, UnknownName
from trainwell.family import Family, Part, check_value
from trainwell.losses import losses
from trainwell.measurements import measurements
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.penalties import penalties
from trainwell.preprocessing import preprocessing
from trainwell.schedules import schedules

FAMILIES: Mapping[str, Family] = {
    "model": models,
    "loss": losses,
    "optimizer": optimizers,
    "schedule": schedules,
    "preprocess": preprocessing,
    "augment": augmentations,
    "penalties": penalties,
    "clip": clippings,
    "average": averages,
    "measure": measurements,
}
LIMITS = {
    "warmup": "[0, 1)",
    "start": "[0, 1]",
    "epochs": "(0, inf)",
    "batch_size": "[1, inf)",
    "norm_bias_rate": "(0, inf)",
    "patience": "[1, inf)",
    "measure_every": "[1, inf)",
    "image_size": "[4, 1024]",
    "short_side": "[4, 2048]",
    "layer_decay": "(0, 1]",
    "feature_copies": "[0, 64]",
    "valid_fraction": "(0, 0.5]",
    "threads": "[1, 1024]",
    "seed": "[0, 9007199254740991]",
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All of a run. Parts may be given by name, as a JSON object with a `name`, or as a `Part`.

    Args:
        model: Network, or `package.module:factory` for one's own.
        loss: What is minimised.
        optimizer: How a gradient becomes a step; its `lr` is the peak rate.
        schedule: Multiplier of the rate after the warm-up.
        warmup: Share of the steps over which the rate rises linearly.
        start: Multiplier of the rate at the first step of the warm-up.
        epochs: Passes over the training split; a fraction is possible.
        batch_size: Samples a step; never more than the training split has.
        preprocess: Fitted on the training split, saved with the model.
        augment: What is done to each training image, in this order.
        penalties: Added to the loss, or constraints after the step.
        clip: Bound on the gradient.
        average: Average of the weights, which is what is evaluated and kept.
        transfer: What is trained of a network that comes with weights: a new head on frozen features, first the head
            and then all of it, or all of it at once; None trains from scratch.
        freeze: Names of modules or parameters that are not trained, as the network calls them: `layer1`, `conv1`.
        layer_decay: Factor on the rate from each layer to the one before it, counted from the head; 1 is one rate.
        feature_copies: Augmented copies of each image whose features the new head learns from, beside the image as it
            is.
        balance: What is done about classes of unequal size: weights of the loss, drawing each class alike often, or
            taking the training frequencies out of the predictions (logit adjustment).
        bias: Value at which the biases of the hidden layers start; a small positive one (0.01) keeps ReLUs alive.
        last_bias: Whether the biases of the last layer start at zero, or carry the prior: the log of the classes'
            frequencies, or the mean of the target.
        norm_bias_rate: Multiplier of the rate for the biases of norm layers.
        patience: Epochs without improvement of the monitored metric after which training stops; None is never.
        monitor: Metric by which the best weights are chosen where there is a validation split; auto is R2 or accuracy,
            and with `balance` the balanced accuracy, the mean of the classes' recalls.
        keep: Give back the best weights by `monitor`, or the last; auto is the best, but the last where the validation
            samples are too few to choose by (under 20) and neither `monitor` nor `patience` asks for it.
        measure: What is measured in training, every `measure_every` steps.
        measure_every: Steps between two measurements; a run of fewer steps is measured at its last one.
        image_size: Side in pixels to which images are brought; None decides from the files.
        short_side: Short side in pixels at which photos are kept, whole, for crops of `image_size` to be cut from; None
            keeps what the augmentations cut from: photos where one of them crops at several scales, else squares.
        image_fit: How an image becomes a square: the middle of it, or all of it with bars beside it.
        valid_fraction: Share of the rows set aside for validation where the data has no such part; None goes by size.
        views: Predictions at test time are averaged over these views of an image.
        precision: Number format of the forward and backward pass; auto takes the fastest that keeps the numbers.
        layout: Memory layout of images; auto as above.
        compile: Whether to compile the network; auto as above.
        threads: Threads of the CPU; None takes what this process may use. It is part of the recipe since it decides the
            last bits of the result.
        silence: Ids of rules of the recipe check that are not to be asked; see `trainwell list rules`.
        seed: Seed of every random draw.

    Raises:
        UnknownName: No technique or argument of that name.
        BadValue: A value of the wrong type or outside its limits.
    """

    model: Part
    loss: Part
    optimizer: Part
    schedule: Part
    warmup: float = 0.1
    start: float = 0.0
    epochs: float
    batch_size: int
    preprocess: Part
    augment: tuple[Part, ...] = ()
    penalties: tuple[Part, ...] = ()
    clip: Part | None = None
    average: Part | None = None
    transfer: Literal["head", "gradual", "full"] | None = None
    freeze: tuple[str, ...] = ()
    layer_decay: float = 1.0
    feature_copies: int = 0
    balance: Literal["none", "weights", "sampler", "prior"] = "none"
    bias: float = 0.0
    last_bias: Literal["zero", "prior"] = "zero"
    norm_bias_rate: float = 1.0
    patience: int | None = None
    monitor: Literal["auto", "valid_accuracy", "valid_balanced_accuracy", "valid_r2", "valid_loss"] = "auto"
    keep: Literal["auto", "best", "last"] = "auto"
    measure: tuple[Part, ...] = ()
    measure_every: int = 20
    image_size: int | None = None
    short_side: int | None = None
    image_fit: Literal["crop", "letterbox"] = "crop"
    valid_fraction: float | None = None
    views: Literal["one", "flip", "flip_shift"] = "one"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    layout: Literal["auto", "contiguous", "channels_last"] = "auto"
    compile: Literal["auto", "yes", "no"] = "auto"
    threads: int | None = None
    silence: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            family = FAMILIES.get(name)
            if family is None:
                one = isinstance(value, str) and typing.get_origin(kind) is tuple
                checked = check_value(name, (value,) if one else value, kind, LIMITS.get(name))
            elif typing.get_origin(kind) is tuple:
                if isinstance(value, str | Part | Mapping):
                    value = (value,)
                checked = tuple(family.resolve(item) for item in value)
            elif value is None and type(None) in typing.get_args(kind):
                checked = None
            else:
                checked = family.resolve(value)
            object.__setattr__(self, name, checked)

    def json(self) -> dict[str, Any]:
        """The recipe as plain data; `Recipe.from_json` reads it back to an equal one."""
        return {name: _json(getattr(self, name)) for name in _KINDS}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "Recipe":
        """A recipe from plain data; unknown and missing fields are refused by name."""
        for name in content:
            if name not in _KINDS:
                raise UnknownName("field of a recipe", name, _KINDS)
        missing = [
            f.name for f in dataclasses.fields(Recipe) if f.default is dataclasses.MISSING and f.name not in content
        ]
        if missing:
            raise BadValue(f"The recipe lacks {', '.join(missing)}.")
        return Recipe(**content)

    def edit(self, edits: Iterable[str]) -> "Recipe":
        """The recipe with `key=value` edits: `optimizer=adamw`, `optimizer.lr=3e-4`, `augment=flip,crop`, `clip=none`.

        A technique that is named anew starts from its own defaults; the order of the edits does not matter for that.

        Raises:
            UnknownName: No such field, technique or argument.
            BadValue: No `=`, or a value that is not possible.
        """
        pairs = check_edits(edits)
        content = self.json()
        for key, text in sorted(pairs, key=lambda pair: pair[0].count(".")):
            _set(content, key.split("."), text)
        return Recipe(**content)

    def replace(self, **fields: Any) -> "Recipe":
        """The recipe with some fields set anew."""
        return dataclasses.replace(self, **fields)

    def difference(self, other: "Recipe") -> list[str]:
        """Fields in which `other` differs, as `field: this -> that`."""
        mine, theirs = self.json(), other.json()
        return [
            f"{name}: {_text(mine[name])} -> {_text(theirs[name])}" for name in _KINDS if mine[name] != theirs[name]
        ]


_KINDS: dict[str, Any] = typing.get_type_hints(Recipe)


def check_edits(edits: Iterable[str]) -> list[tuple[str, str]]:
    """Key and value text of each edit; refuses what is wrong in them by themselves, whatever recipe they will change.

    So a slip is told before hours of reading data, not after.

    Raises:
        UnknownName: No such field or technique.
        BadValue: No `=`, a key that comes twice, or a value that a plain field cannot take.
    """
    pairs = [parse_edit(edit) for edit in edits]
    keys = [key for key, _ in pairs]
    for key, text in pairs:
        if keys.count(key) > 1:
            raise BadValue(f"{key} is given {keys.count(key)} times; once is enough.")
        field, inside, _ = key.partition(".")
        if field not in _KINDS:
            raise UnknownName("field of a recipe", field, _KINDS)
        family = FAMILIES.get(field)
        if family is None:
            check_value(field, _plain(field, text), _KINDS[field], LIMITS.get(field))
        elif not inside and not _is_none(text, family) and text:
            for name in text.split(",") if typing.get_origin(_KINDS[field]) is tuple else [text]:
                family[name.strip()]
    return pairs


def parse_edit(edit: str) -> tuple[str, str]:
    """Key and value text of a `key=value` edit."""
    key, equals, text = edit.partition("=")
    if not equals or not key:
        raise BadValue(f"{edit!r} is no edit of the recipe: expected key=value, for example optimizer.lr=3e-4.")
    return key.strip(), text.strip()


def parse_value(text: str) -> Any:
    """Plain value from text: none, true, false, a number, or the text itself."""
    lowered = text.lower()
    if lowered in ("none", "null"):
        return None
    if lowered in ("true", "false"):
        return lowered == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _plain(field: str, text: str) -> Any:
    """The value of a field that holds no technique: plain, or several words with commas between them."""
    kind = _KINDS[field]
    if typing.get_origin(kind) is Literal and text in typing.get_args(kind):
        return text  # `none` may be a word of its own
    if typing.get_origin(kind) is not tuple:
        return parse_value(text)
    return [] if text.lower() in ("", "none", "null") else [word.strip() for word in text.split(",")]


def _is_none(text: str, family: Family) -> bool:
    """Whether the text asks for no technique; in some families `none` is one itself."""
    return text.lower() in ("none", "null") and text not in family


def _set(content: dict[str, Any], path: list[str], text: str) -> None:
    field = path[0]
    if field not in _KINDS:
        raise UnknownName("field of a recipe", field, _KINDS)
    family, several = FAMILIES.get(field), typing.get_origin(_KINDS[field]) is tuple
    if len(path) == 1:
        if family is None:
            content[field] = _plain(field, text)
        elif several:
            names = [] if _is_none(text, family) or not text else [name.strip() for name in text.split(",")]
            content[field] = [{"name": name} for name in names]
        else:
            content[field] = None if _is_none(text, family) else {"name": text}
        return
    if family is None:
        raise BadValue(f"{'.'.join(path)}: {field} is a plain value and has no parts. Write {field}=...")
    inside: Any = content[field]
    place, rest = field, path[1:]
    if several:
        inside = next((part for part in content[field] if part["name"] == rest[0]), None)
        if inside is None:
            raise BadValue(
                f"{'.'.join(path)}: the recipe has no {rest[0]!r} among {field}. Add it: {field}=...,{rest[0]}"
            )
        place, rest = f"{field}.{rest[0]}", rest[1:]
    for depth, name in enumerate(rest):
        if inside is None:
            raise BadValue(f"{'.'.join(path)}: the recipe has no {place}. Name one first: {place}=...")
        if depth == len(rest) - 1:
            _assign(inside, family, name, text)
            return
        nested = family[inside["name"]].parts.get(name)
        if nested is None:
            raise UnknownName(f"technique inside {place}", name, family[inside["name"]].parts)
        family, inside, place = nested, inside.get(name), f"{place}.{name}"
    raise BadValue(f"{'.'.join(path)} names a technique; write what to set in it, for example {'.'.join(path)}.p=0.1")


def _assign(inside: dict[str, Any], family: Family, name: str, text: str) -> None:
    member = family[inside["name"]]
    if name in member.parts and not _is_none(text, member.parts[name]):
        inside[name] = {"name": text}
        return
    parsed = parse_value(text)
    if name in member.hyper:
        kind = member.types.get(name)
        options = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
        words = [word for option in options for word in typing.get_args(option)]
        if any(typing.get_origin(option) is tuple for option in options) and parsed is not None and text not in words:
            parsed = [parse_value(item.strip()) for item in text.split(",") if item.strip()]
    inside[name] = parsed


def _json(value: Any) -> Any:
    if isinstance(value, Part):
        return value.json()
    return [_json(item) for item in value] if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    return json.dumps(value)
