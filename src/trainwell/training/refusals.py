"""What a recipe, the data and the network rule out together, told before anything is trained.

All of them raise `BadValue`.
"""

import torch
from torch import Tensor, nn

from trainwell.augmentations import augmentations
from trainwell.data.augment import photo_scale
from trainwell.data.dataset import Data
from trainwell.errors import BadValue
from trainwell.losses import losses
from trainwell.optimizers.depth import distances
from trainwell.parameters import learnt
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.training.balance import BALANCED_MONITOR, refuse_balance


def refuse_what_cannot_be(data: Data, recipe: Recipe) -> None:
    """Refuse what two fields, or a field and the data, rule out by fact; what is merely unwise is not judged here."""
    task = losses[recipe.loss.name].facts.get("task")
    if task is not None and task != data.task:
        raise BadValue(f"loss={recipe.loss.name} is for {task}, and this data is {data.task}. Choose another loss.")
    refuse_balance(data, recipe)
    images = data.kind == "images"
    for name, plain, what in (
        ("views", ("one",), "views"),
        ("layout", ("auto", "contiguous"), "memory layouts"),
        ("image_size", (None,), "sizes"),
        ("short_side", (None,), "sizes"),
        ("image_fit", ("crop",), "shapes"),
    ):
        if not images and getattr(recipe, name) not in plain:
            raise BadValue(
                f"{name}={getattr(recipe, name)} has no effect: this data has no images, and so no {what}. "
                "Leave it out."
            )
    if recipe.short_side is not None and all(photo_scale(part) is None for part in recipe.augment):
        croppers = [member.id for member in augmentations if member.facts.get("photo_scale")]
        raise BadValue(
            f"short_side={recipe.short_side} has no effect: no augmentation cuts from whole photos. "
            f"Add {' or '.join(croppers)} to augment=, or leave it out."
        )
    if images and recipe.views != "one" and preprocessing[recipe.preprocess.name].facts.get("by_position"):
        raise BadValue(
            f"views={recipe.views} mirrors what the network sees, and preprocess={recipe.preprocess.name} treats every "
            "place of the image in its own way. Set views=one."
        )
    if "valid" not in data.splits and recipe.patience is not None:
        raise BadValue(f"patience={recipe.patience} needs a validation split, and this data has none. Leave it out.")
    score = "accuracy" if data.task == "classification" else "r2"
    known = ["auto", "valid_loss", f"valid_{score}"] + ([BALANCED_MONITOR] if data.task == "classification" else [])
    if recipe.monitor not in known:
        raise BadValue(f"monitor={recipe.monitor} does not exist for {data.task}. Expected {' or '.join(known)}.")
    if data.task == "regression" and any(augmentations[p.name].facts.get("needs_classes") for p in recipe.augment):
        raise BadValue("This augmentation needs classes, and this data has values to predict. Leave it out.")


def refuse_without_start(recipe: Recipe, *, starts: bool) -> None:
    """Refuse what asks for a network that comes with weights (`starts`), or for another way to train it."""
    if recipe.transfer is not None and not starts:
        raise BadValue(
            f"transfer={recipe.transfer} needs a network that comes with weights, and this one starts from scratch. "
            "Take trainwell finetune DATA --from SOURCE, or leave transfer out."
        )
    if recipe.feature_copies and recipe.transfer not in ("head", "gradual"):
        raise BadValue(
            f"feature_copies={recipe.feature_copies} has no effect: no head is trained on features by itself. "
            "Set transfer=head or transfer=gradual of trainwell finetune, or leave it out."
        )
    if recipe.transfer == "head" and recipe.freeze:
        raise BadValue(
            f"freeze={','.join(recipe.freeze)} has no effect with transfer=head: all but the head is frozen already. "
            "Leave it out, or set transfer=full."
        )
    if recipe.transfer == "head" and recipe.layer_decay != 1.0:
        raise BadValue(
            f"layer_decay={recipe.layer_decay:g} has no effect with transfer=head: only the head is trained, at one "
            "rate. Leave it out, or set transfer=full."
        )


def refuse_idle_decay(model: nn.Module, recipe: Recipe) -> None:
    """Refuse a rate for each layer where only one layer learns."""
    if recipe.layer_decay == 1.0:
        return
    away = distances(model)
    if len({away[id(parameter)] for _, _, parameter in learnt(model)}) < 2:
        raise BadValue(
            f"layer_decay={recipe.layer_decay:g} has no effect: only one layer of the network learns. Leave it out."
        )


def refuse_misfit(model: nn.Module, x: Tensor, num_outputs: int, task: str) -> None:
    """Send two samples through a network from outside: what does not fit is told before anything is trained."""
    name, training = type(model).__name__, model.training
    first = next(model.parameters(), None)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            output = model.eval()(x if first is None else x.to(first.device))
    except Exception as error:
        raise BadValue(
            f"The network ({name}) fails on a batch of shape {tuple(x.shape)}: {type(error).__name__}: {error}"
        ) from error
    finally:
        model.train(training)
    if not isinstance(output, Tensor):
        raise BadValue(f"The network ({name}) gives {type(output).__name__}, expected a tensor.")
    fits = output.shape == (len(x), num_outputs) or (task == "regression" and output.shape == (len(x),))
    if not fits:
        what = "class" if task == "classification" else "value to predict"
        raise BadValue(
            f"The network ({name}) gives {tuple(output.shape)} for a batch of shape {tuple(x.shape)}, expected "
            f"{(len(x), num_outputs)}: one output for each {what}."
        )
