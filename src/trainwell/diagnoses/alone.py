"""Alone: how a training went that nothing can be compared with, as in somebody's own loop."""

import math

from trainwell.diagnoses.evidence import Evidence

_LEARNT = 1 / 3  # share of the loss; in three epochs sound networks for images lose about that


def alone(evidence: Evidence) -> bool:
    """Whether nothing was learnt beside it: by no simple learner, and in no training with one thing changed."""
    return evidence.reference is None and not evidence.trials


def unlearnt(evidence: Evidence) -> float | None:
    """How far the training fell short of learning, by its loss alone.

    Returns:
        1 where the loss has not come down from what a constant answer has (or, where that is not known, from where it
        started), 0 where it has come down by a third, and between them in proportion. None where no loss was seen, or
        it can be below 0.
    """
    curves, constant = evidence.watched, evidence.initial_constant
    if curves is None or not curves.train_running:
        return None
    start = curves.train_running[0] if constant is None else min(constant, curves.train_running[0])
    if curves.broke is not None or not math.isfinite(start):
        return 1.0
    left = curves.train_running[-1] / start if start > 0 else None
    return None if left is None else min(1.0, max(0.0, 1 - (1 - left) / _LEARNT))
