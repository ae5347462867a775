"""The loss swings and does not settle."""

import itertools
import math
import statistics

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "oscillating-loss",
    paper="https://distill.pub/2017/momentum/",
    severity="warning",
    explains=(),
    ranges={"swing": (0.05, 1.0), "shortfall": (0.02, 0.3)},
    signs=("swing",),
)
def oscillating_loss(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """From one look to the next the loss of the same samples jumps up and down instead of settling.

    Definition: in the second half of the training the loss of the same training samples changes from look to look by
    more than `swing` of the loss of a constant answer, in both directions, and the training ends more than `shortfall`
    of score below what is possible.

    Looks like: a saw, in training and validation.

    Causes: a rate too high, a momentum too near to 1, batches too small; an optimizer made for whole batches (Rprop).

    Fixes, in order: a tenth of the rate, or a schedule that ends near 0; larger batches.

    Mistaken for: the noise between batches, which is why the same samples are looked at.

    Args:
        evidence: What is known.
        limits: `swing`: share of the loss of a constant answer; `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Goh, "Why Momentum Really Works", 2017.
    """
    curves, missing = evidence.watched, evidence.shortfall
    scale = evidence.initial_constant
    if curves is None or missing is None or not scale or scale <= 0 or len(curves.train_loss) < 6:
        return None
    late = curves.train_loss[len(curves.train_loss) // 2 :]
    if not all(map(math.isfinite, late)):
        return None
    jumps = [after - before for before, after in itertools.pairwise(late)]
    if not (min(jumps) < 0 < max(jumps)):
        return None
    swing = statistics.median(abs(jump) for jump in jumps) / scale
    if swing <= limits["swing"] or missing <= limits["shortfall"]:
        return None
    return Suspicion(
        "swing",
        f"The loss of the same samples jumps by {swing:.0%} of what a constant answer costs from look to look: the "
        "training "
        "does not settle.",
        "Take a tenth of the rate, or a schedule that ends near 0; larger batches help as well.",
        {"swing": swing, "swing_limit": limits["swing"], "shortfall": missing},
        fixes=(Part("edits", "rate", {"factor": 0.1}),),
    )
