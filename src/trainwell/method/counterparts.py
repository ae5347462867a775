"""Counterparts: what in a recipe does what an edit does to a program."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainwell.dropouts import dropouts
from trainwell.family import Part
from trainwell.losses import losses
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.penalties import penalties
from trainwell.recipe import Recipe

Settings = dict[str, str]

_NARROW, _WIDE = 3, 32  # units: as the edit `widen` has them


def recipe_edits(recipe: Recipe, changes: Sequence[Part]) -> tuple[Settings, tuple[Part, ...]]:
    """What has to be set in a recipe so that it does what edits do to its program.

    Args:
        recipe: A whole recipe.
        changes: Members of `edits`, made one after another.

    Returns:
        What to set, by key, as it is written behind `trainwell fit DATA`; and those of the edits that need it. The
        others have no counterpart in this recipe, or it is as they want it already.
    """
    settings: Settings = {}
    needed = []
    for change in changes:
        now = recipe.edit(written(settings))
        wanted = _COUNTERPARTS[change.name](now, change.args) if change.name in _COUNTERPARTS else {}
        if wanted and now.edit(written(wanted)) != now:
            # A technique that is named anew starts from its own defaults.
            kept = {key: text for key, text in settings.items() if not any(key.startswith(f"{new}.") for new in wanted)}
            settings = kept | wanted
            needed.append(change)
    return settings, tuple(needed)


def written(settings: Settings) -> list[str]:
    """The settings as `key=value`."""
    return [f"{key}={text}" for key, text in settings.items()]


def _rate(recipe: Recipe, args: Mapping[str, Any]) -> Settings:
    return {"optimizer.lr": f"{recipe.optimizer.args['lr'] * args['factor']:.6g}"}


def _optimizer(recipe: Recipe, args: Mapping[str, Any]) -> Settings:
    name = args.get("to", "adamw")
    member = optimizers[name]
    lr = args.get("lr") or (0.01 if name == "sgd" else 1e-3)  # as the edit has them
    wanted = {"optimizer": name, "optimizer.lr": f"{lr:.6g}", "norm_bias_rate": "1.0"}
    decay = recipe.optimizer.args.get("weight_decay")
    if decay is not None and "weight_decay" in member.hyper:
        wanted["optimizer.weight_decay"] = f"{decay:.6g}"
    return wanted


def _named(argument: str, value: Callable[[Mapping[str, Any]], str]) -> Callable[[Recipe, Mapping[str, Any]], Settings]:
    """The counterpart that names a technique within the model, of one that has a place for it."""

    def counterpart(recipe: Recipe, args: Mapping[str, Any]) -> Settings:
        wanted, now = value(args), recipe.model.args.get(argument)
        if argument not in models[recipe.model.name].parts or (isinstance(now, Part) and now.name == wanted):
            return {}
        return {f"model.{argument}": wanted}

    return counterpart


def _nonlinearity(recipe: Recipe, args: Mapping[str, Any]) -> Settings:
    now = recipe.model.args.get("activation")
    linear = isinstance(now, Part) and now.name == "identity"
    return _named("activation", lambda _: "relu")(recipe, args) if linear else {}


def _standardise(recipe: Recipe, _: Mapping[str, Any]) -> Settings:
    return {} if recipe.preprocess.name == "standardize" else {"preprocess": "standardize"}


def _batch_size(_: Recipe, args: Mapping[str, Any]) -> Settings:
    return {"batch_size": str(args.get("size", 32))}


def _epochs(recipe: Recipe, args: Mapping[str, Any]) -> Settings:
    return {"epochs": f"{recipe.epochs * args['factor']:.6g}"}


def _loss(recipe: Recipe, args: Mapping[str, Any]) -> Settings:
    wanted = args["to"]
    return {"loss": wanted} if wanted in losses and recipe.loss.name != wanted else {}


def _no_decay(recipe: Recipe, _: Mapping[str, Any]) -> Settings:
    return {"optimizer.weight_decay": "0.0"} if recipe.optimizer.args.get("weight_decay") else {}


def _no_penalty(recipe: Recipe, _: Mapping[str, Any]) -> Settings:
    kept = [part.name for part in recipe.penalties if penalties[part.name].facts.get("constraint")]
    return {} if len(kept) == len(recipe.penalties) or kept else {"penalties": "none"}


def _no_dropout(recipe: Recipe, _: Mapping[str, Any]) -> Settings:
    places, held = _places(recipe), recipe.model.args
    settings = {f"model.{name}": "none" for name in places if held.get(name) is not None}
    # What drops whole branches is no part of a model: one that has branches takes its probability, under its name.
    return settings | {f"model.{d.id}": "0.0" for d in dropouts if d.id not in places and held.get(d.id)}


def _dropout(recipe: Recipe, args: Mapping[str, Any]) -> Settings:
    held = {name: recipe.model.args.get(name) for name in _places(recipe)}
    p = args.get("p", 0.2)
    return {f"model.{name}.p": f"{p:g}" for name, part in held.items() if isinstance(part, Part) and "p" in part.args}


def _regularise(recipe: Recipe, args: Mapping[str, Any]) -> Settings:
    settings: Settings = {}
    decay, p = args.get("decay", 1e-3), args.get("dropout", 0.3)
    if (recipe.optimizer.args.get("weight_decay") or 0.0) < decay and "weight_decay" in recipe.optimizer.args:
        settings["optimizer.weight_decay"] = f"{decay:g}"
    if p and "dropout" in _places(recipe) and recipe.model.args.get("dropout") is None:
        settings |= {"model.dropout": "dropout", "model.dropout.p": f"{p:g}"}
    return settings


def _widen(recipe: Recipe, args: Mapping[str, Any]) -> Settings:
    widths = recipe.model.args.get("widths")
    if recipe.model.name != "mlp" or not widths:
        return {}
    wanted = args.get("width") or max(_WIDE, *widths)
    below = args.get("width") or _NARROW + 1
    return {"model.widths": ",".join(str(wanted if width < below else width) for width in widths)}


def _places(recipe: Recipe) -> list[str]:
    """Arguments of the model that name a dropout."""
    return [name for name, family in models[recipe.model.name].parts.items() if family is dropouts]


_COUNTERPARTS: Mapping[str, Callable[[Recipe, Mapping[str, Any]], Settings]] = {
    "rate": _rate,
    "optimizer": _optimizer,
    "initialise": _named("initializer", lambda _: "auto"),
    "activation": _named("activation", lambda args: str(args.get("to", "relu"))),
    "nonlinearity": _nonlinearity,
    "norm": _named("norm", lambda args: str(args.get("to", "batch"))),
    "standardise-inputs": _standardise,
    "batch-size": _batch_size,
    "epochs": _epochs,
    "loss": _loss,
    "no-decay": _no_decay,
    "no-penalty": _no_penalty,
    "no-dropout": _no_dropout,
    "dropout": _dropout,
    "regularise": _regularise,
    "widen": _widen,
}
