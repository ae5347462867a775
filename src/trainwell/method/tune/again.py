"""Reading the curves of the winner into what to try next: a gap, no gap, a score that still rises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainwell.augmentations import augmentations
from trainwell.errors import Refused
from trainwell.family import Part
from trainwell.recipe import Recipe, parse_edit

_GAP = 0.02  # of the score: more than this below the training score is a gap that may be worth regularising for
_GOOD = 0.999  # a score above which more capacity has nothing to add
_WIDER, _LONGER = 2, 1.5


@dataclass(frozen=True)
class Reading:
    """What the curves say, and the changes that may answer to it, each a few edits with spaces between them."""

    words: str
    changes: tuple[str, ...]


def read(
    recipe: Recipe,
    scores: Mapping[str, float],
    findings: Sequence[Mapping[str, Any]],
    *,
    images: bool,
    tried: Sequence[str],
) -> Reading:
    """What the curves of a run say to change.

    Args:
        recipe: That of the run.
        scores: Of the weights that were kept.
        findings: Of the run.
        images: Whether the samples are images.
        tried: Changes that were tried before.
    """
    name = "accuracy" if "valid_accuracy" in scores else "r2"
    train, valid = scores.get(f"train_{name}"), scores.get(f"valid_{name}")
    problems = {finding["problem"] for finding in findings}
    if train is None or valid is None:
        return Reading("the curves say nothing: there are no scores to compare", ())
    gap = train - valid
    seen = f"training {name} {train:.4f}, validation {valid:.4f}"
    if problems & {"still-rising", "too-few-epochs"}:
        words, found = f"{seen}, still rising: train longer", [f"epochs={_text(recipe.epochs * _LONGER)}"]
    elif "overfitting" in problems or gap > _GAP:
        words, found = f"{seen}: a gap of {gap:.3f}, so regularise", _against_the_gap(recipe, images)
    elif valid < _GOOD:
        words, found = f"{seen}: no gap, so more capacity, or less that holds it back", _more_capacity(recipe)
    else:
        return Reading(f"{seen}: nothing in the curves asks for a change", ())
    possible = [change for change in found if change not in tried and _can(recipe, change)]
    return Reading(words if possible else f"{words}; all of that was tried", tuple(possible))


def merged(edits: Sequence[str], change: str) -> tuple[str, ...]:
    """The edits with a change on top: of one key the later value counts, techniques come before what is set in them."""
    pairs = dict(parse_edit(edit) for edit in (*edits, *change.split()))
    return tuple(f"{key}={value}" for key, value in sorted(pairs.items(), key=lambda pair: pair[0].count(".")))


def _against_the_gap(recipe: Recipe, images: bool) -> list[str]:
    args, names = recipe.model.args, [part.name for part in recipe.augment]
    added = [name for name in ("cutout", "mixup") if images and name not in names and _goes_with(names, name)]
    found = [f"augment={','.join([*names, name])}{_kept(recipe.augment)}" for name in added]
    if "dropout" in args:
        known = args["dropout"]
        now = float(known.args.get("p", 0.0)) if isinstance(known, Part) else 0.0
        found += [
            f"model.dropout={known.name if isinstance(known, Part) else 'dropout'} model.dropout.p={_text(p)}"
            for p in (min(0.6, now + 0.2),)
            if p > now
        ]
    decay = recipe.optimizer.args.get("weight_decay")
    if decay:
        found.append(f"optimizer.weight_decay={_text(decay * 3)}")
    if recipe.loss.name == "cross_entropy" and not recipe.loss.args.get("smoothing"):
        found.append("loss.smoothing=0.1")
    return found


def _more_capacity(recipe: Recipe) -> list[str]:
    args, found = recipe.model.args, []
    if isinstance(args.get("width"), int):
        found.append(f"model.width={args['width'] * _WIDER}")
    if isinstance(args.get("widths"), tuple):
        found.append(f"model.widths={','.join(str(width * _WIDER) for width in args['widths'])}")
    dropout = args.get("dropout")
    if isinstance(dropout, Part) and dropout.args.get("p", 0.0) > 0.05:
        found.append(f"model.dropout.p={_text(dropout.args['p'] / 2)}")
    decay = recipe.optimizer.args.get("weight_decay")
    if decay:
        found.append(f"optimizer.weight_decay={_text(decay / 3)}")
    found.append(f"epochs={_text(recipe.epochs * _LONGER)}")
    return found


def _goes_with(names: Sequence[str], added: str) -> bool:
    """Whether an augmentation may be added: two that mix images do not go together."""
    mixes = augmentations[added].facts.get("kind") == "mix"
    return not (mixes and any(augmentations[name].facts.get("kind") == "mix" for name in names))


def _kept(parts: Sequence[Part]) -> str:
    """Edits that set anew what the techniques of a list had: named again, they start from their defaults."""
    found = [(part, name, value) for part in parts for name, value in part.args.items()]
    plain: list[tuple[Part, str, Any]] = [one for one in found if isinstance(one[2], bool | int | float | str)]
    return "".join(f" augment.{part.name}.{name}={_text(value)}" for part, name, value in plain)


def _can(recipe: Recipe, change: str) -> bool:
    try:
        recipe.edit(change.split())
    except Refused:
        return False
    return True


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool | str) else f"{value:.4g}"
