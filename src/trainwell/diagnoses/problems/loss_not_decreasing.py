"""The loss stands still."""

import math

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems


@problems.add(
    "loss-not-decreasing",
    paper="https://cs231n.github.io/neural-networks-3/",
    severity="error",
    explains=("underfitting",),
    ranges={"fall": (0.001, 0.2)},
    signs=("flat",),
)
def loss_not_decreasing(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """The loss of the training samples ends where it began.

    Definition: the lowest loss of the training samples, at any look, is under the first one by less than `fall` of it,
    though the first one is not near 0.

    Looks like: a flat line.

    Causes: parameters that the optimizer does not hold; a graph that is cut; a rate far too low; an output that the
    loss cannot tell apart; labels without a connection to the inputs.

    Fixes, in order: whatever more specific finding there is; then the rate.

    Mistaken for: a training that was good from the first step.

    Args:
        evidence: What is known.
        limits: `fall`: share of the first loss.

    Returns:
        What speaks for it.

    Reference:
        CS231n, notes on neural networks 3, "Loss function".
    """
    curves = evidence.watched
    if curves is None or curves.cut or len(curves.train_loss) < 2 or not math.isfinite(curves.train_loss[0]):
        return None
    first = curves.train_loss[0]
    scale = max(abs(first), abs(evidence.initial_constant or 0.0))
    known = [loss for loss in curves.train_loss[1:] if math.isfinite(loss)]
    fall = (first - min(known, default=first)) / scale if scale else 0.0
    learnt = curves.train_end is not None and curves.train_score[0] is not None and curves.train_end > 0.9
    if fall >= limits["fall"] or learnt:
        return None
    return Suspicion(
        "flat",
        f"The loss of the training samples falls by {max(0.0, fall):.1%} in the whole training: it stands still.",
        "See whether every parameter gets a gradient and is held by the optimizer; then raise the rate.",
        {"fall": fall, "fall_limit": limits["fall"]},
    )
