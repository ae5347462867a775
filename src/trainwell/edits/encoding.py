"""Encoding: how targets say which class they mean, and how to say it otherwise."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.edits.script import SAMPLES
from trainwell.probes.parts import Parts


@dataclass(frozen=True)
class Encoding:
    """Classes as targets hold them.

    Args:
        numbers: The expression that makes class numbers, (N,) int64, of `y`.
        num_classes: K.
    """

    numbers: str
    num_classes: int


def encoding_of(parts: Parts) -> Encoding | None:
    """The encoding of class numbers, one-hot rows, or a column of -1 and 1 or of 0 and 1; None of anything else."""
    target = parts.train.first(SAMPLES)[1]
    if not isinstance(target, Tensor) or target.ndim > 2 or target.is_complex() or not target.isfinite().all():
        return None
    if target.ndim == 2 and target.shape[1] > 1:
        one_hot = bool(((target == 0) | (target == 1)).all() and (target.sum(1) == 1).all())
        return Encoding("y.argmax(1)", target.shape[1]) if one_hot else None
    if not bool((target == target.round()).all()):
        return None
    flat = "y" if target.ndim == 1 else "y.reshape(-1)"
    if bool((target < 0).any()):
        return Encoding(f"({flat} > 0).long()", 2) if bool((target.abs() == 1).all()) else None
    whole = target.dtype == torch.int64
    return Encoding(flat if whole else f"{flat}.long()", int(target.max()) + 1)


def output_of(parts: Parts) -> Tensor | None:
    """What the network answers to two samples, in evaluation mode; None where that is no single tensor."""
    made = parts.copy()
    made.model.eval()
    try:
        with torch.no_grad():
            found = made.forward(made.model, made.train.first(2)[0])
    except (RuntimeError, ValueError, IndexError):
        return None
    return found if isinstance(found, Tensor) and found.ndim and len(found) == min(2, len(made.train)) else None
