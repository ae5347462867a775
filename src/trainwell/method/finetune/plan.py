"""The recipe of a transfer: that of the data, changed by what the source brings."""

from collections.abc import Sequence
from typing import Any, get_args

from trainwell.augmentations import augmentations
from trainwell.data.dataset import Data
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.method.finetune.head import head_schedule
from trainwell.method.finetune.sources import Source
from trainwell.method.finetune.transfer import Way, choose_way
from trainwell.method.run import Run
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe, parse_edit, parse_value
from trainwell.recipes import epochs_for
from trainwell.record import RunFolder
from trainwell.schedules import scaled_rate, schedules
from trainwell.training.heads import MOMENTUM

_KINDS = {"affine": "standardize", "projection": "pca"}  # a technique of the kind, where no more is known
TENTH = 0.1  # of the rate that the weights were learnt at
STEPS = 500  # at least, at so low a rate: of few samples some dozen passes are some dozen steps, which move nothing
_OF_A_HEAD = {  # what has an effect where only a head is trained
    "augment",
    "balance",
    "batch_size",
    "epochs",
    "feature_copies",
    "image_fit",
    "image_size",
    "layout",
    "loss",
    "monitor",
    "optimizer.lr",
    "optimizer.weight_decay",
    "precision",
    "recipe",
    "seed",
    "short_side",
    "silence",
    "threads",
    "transfer",
    "valid_fraction",
    "views",
}


def refuse_edits(edits: Sequence[str]) -> None:
    """Refuse what the source decides.

    Raises:
        BadValue: The network or its initial weights are to be another.
    """
    for key, text in map(parse_edit, edits):
        if key.partition(".")[0] == "model":
            raise BadValue(f"{key} cannot be set: the network is that of the source. Leave it out, or take fit.")
        if key in ("bias", "last_bias"):
            raise BadValue(f"{key} cannot be set: all biases but those of the new head, which start at 0, are learnt.")
        if key == "transfer" and parse_value(text) not in get_args(Way):
            raise BadValue(f"transfer={text} is no way to fine-tune. Expected {', '.join(get_args(Way))}.")


def batch_of(source: Source) -> int | None:
    """The batch that the source was trained with; None where that is not known."""
    if source.lr is None:
        return None
    return min(Run(source.text).recipe.batch_size, Run(source.text).data["splits"]["train"]["rows"])


def adapted(
    source: Source, data: Data, chosen: Recipe, why: str, edits: Sequence[str], batch: int | None
) -> tuple[Recipe, str]:
    """The recipe chosen for the data, with the network, the preprocessing and the rate of the source.

    Args:
        source: Where the weights come from.
        data: What to learn.
        chosen: The recipe for it, if it were trained from scratch.
        why: Why that one.
        edits: What the user set.
        batch: Batch that the source's rate was for.

    Returns:
        The recipe, and the reasons in words.

    Raises:
        BadValue: An edit has no effect on the way of training that is taken.

    Reference:
        Kolesnikov et al., "Big Transfer (BiT): General Visual Representation Learning", 2020, section 3.3 (500 steps
        for small tasks).
    """
    pinned = dict(map(parse_edit, edits))
    if source.preprocessing is not None and any(key.partition(".")[0] == "preprocess" for key in pinned):
        raise BadValue(
            "preprocess cannot be set: the network knows its inputs behind that of the source, which is kept."
        )
    way, reason = choose_way(len(data.splits["train"]), len(data.classes))
    if "transfer" in pinned:
        way = pinned["transfer"]  # type: ignore[assignment]  # checked by `refuse_edits`
        reason = f"transfer={way}, as asked"
    recipe = chosen.replace(transfer=way, norm_bias_rate=1.0, last_bias="zero", bias=0.0)
    if source.model is not None:
        recipe = recipe.replace(model=source.model)
    if source.preprocessing is not None:
        recipe = recipe.replace(preprocess=_preprocess(source))
    copies = parse_value(pinned.get("feature_copies", "0"))
    _refuse_copies(copies, pinned.get("augment"), chosen)
    if way == "head":
        return _head_recipe(recipe, len(data.splits["train"]), pinned, bool(copies)), f"{why}; {reason}"
    asked = parse_value(pinned.get("batch_size", ""))
    size = asked if isinstance(asked, int) and asked > 0 else recipe.batch_size
    recipe, of_rate = _tenth(recipe, source, batch, min(size, len(data.splits["train"])))
    for edit in own_tenth(edits):
        of_rate = f"lr={edit.partition('=')[2]}, a tenth of that of {pinned['optimizer']}"
    rated = "" if "optimizer.lr" in pinned else f"; {of_rate}"
    if "epochs" not in pinned:
        count = len(data.splits["train"])
        recipe = recipe.replace(epochs=max(recipe.epochs, epochs_for(count, min(size, count), steps=STEPS, low=1)))
    return recipe, f"{why}; {reason}{rated}"


def own_tenth(edits: Sequence[str]) -> list[str]:
    """The edit that sets a tenth of its own rate for an optimizer that is asked for without a rate; none otherwise."""
    pinned = dict(map(parse_edit, edits))
    name = pinned.get("optimizer")
    if name is None or name not in optimizers or "optimizer.lr" in pinned:
        return []
    return [f"optimizer.lr={TENTH * float(optimizers[name].resolved({})['lr']):.6g}"]


def _tenth(recipe: Recipe, source: Source, batch: int | None, size: int) -> tuple[Recipe, str]:
    """A tenth of the source's rate with its optimizer, or of the recipe's where that is not known; and in words.

    Args:
        recipe: To be changed.
        source: Where the weights come from.
        batch: Batch that the source's rate was for; None where that is not known.
        size: Batch to train with.
    """
    if source.lr is None or source.optimizer is None:
        rate = TENTH * float(recipe.optimizer.args["lr"])
        words = f"lr={rate:.3g}, a tenth of the recipe's, as that of the source is not known"
        return recipe.replace(optimizer=optimizers.part(recipe.optimizer, lr=rate)), words
    rate = TENTH * source.lr
    words = f"lr={rate:.3g}, a tenth of the source's {source.lr:.3g}"
    if batch is not None and batch != size:
        rate = scaled_rate(rate, size, batch, "sqrt")
        words = (
            f"lr={rate:.3g}, a tenth of the source's {source.lr:.3g}, times the root of the batches' ratio, "
            f"{size}/{batch}"
        )
    return recipe.replace(optimizer=optimizers.part(source.optimizer, lr=rate)), words


def _head_recipe(recipe: Recipe, count: int, pinned: dict[str, str], copies: bool) -> Recipe:
    """What is left of a recipe where only a head is trained: SGD under a cosine, on features."""
    for key in pinned:
        if key not in _OF_A_HEAD and key.partition(".")[0] not in ("loss", "augment", "layer_decay", "freeze"):
            raise BadValue(
                f"{key}={pinned[key]} has no effect with transfer=head: a grid of linear heads is trained on fixed "
                "features, by SGD under a cosine. Leave it out, or set transfer=full."
            )
    if "augment" in pinned and not copies and pinned["augment"].lower() not in ("", "none"):
        raise BadValue(
            f"augment={pinned['augment']} has no effect with transfer=head unless augmented copies are asked for. "
            "Add feature_copies=4, or leave it out."
        )
    size, epochs = head_schedule(count)
    return recipe.replace(
        optimizer=optimizers.part("sgd", lr=1.0, momentum=MOMENTUM, nesterov=True, weight_decay=0.0),
        schedule=schedules.part("cosine"),
        warmup=0.0,
        start=0.0,
        batch_size=size,
        epochs=epochs,
        augment=recipe.augment if copies else (),
        penalties=(),
        clip=None,
        average=None,
        patience=None,
        measure=(),
    )


def _refuse_copies(copies: Any, augment: str | None, chosen: Recipe) -> None:
    """Refuse augmented copies where nothing is augmented, or where labels would be blended."""
    if not copies:
        return
    names = [part.name for part in chosen.augment] if augment is None else [n.strip() for n in augment.split(",") if n]
    names = [name for name in names if name.lower() != "none"]
    if not names:
        raise BadValue(f"feature_copies={copies} has no effect: nothing is augmented. Add augment=flip,crop.")
    mixing = [name for name in names if name in augmentations and augmentations[name].facts.get("kind") == "mix"]
    if mixing:
        raise BadValue(f"feature_copies={copies} takes images one by one, and {mixing[0]} blends them. Leave it out.")


def _preprocess(source: Source) -> Part:
    """The technique whose statistics are kept."""
    if RunFolder(source.text).exists:
        return Run(source.text).recipe.preprocess
    assert source.preprocessing is not None, "only statistics that are known are kept"
    kind = source.preprocessing.kind
    return preprocessing.part(_KINDS.get(kind, kind))
