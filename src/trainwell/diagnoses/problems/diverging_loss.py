"""The loss rises."""

import math

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "diverging-loss",
    paper="https://www.deeplearningbook.org/contents/optimization.html",
    severity="error",
    explains=("loss-not-decreasing", "oscillating-loss", "underfitting", "non-finite", "cannot-overfit-batch"),
    ranges={"rise": (1.2, 30.0), "uphill": (-0.5, -0.01)},
    signs=("uphill", "rise"),
)
def diverging_loss(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """The loss of the training samples goes up instead of down.

    Definition: the first step goes uphill: the cosine between it and the way down is under `uphill`, as with an
    optimizer that maximises. Or the training ends at a loss over `rise` times the one it began with, or without a
    finite one.

    Looks like: a curve that climbs, or NaN.

    Causes: a sign (the loss negated, `maximize=True`); a rate too high; a loss that has no lower end, as NLL of what
    are no log-probabilities.

    Fixes, in order: the sign; the loss; the rate.

    Mistaken for: a rise of the validation loss alone, which is overfitting.

    Args:
        evidence: What is known.
        limits: `rise`: factor; `uphill`: cosine.

    Returns:
        What speaks for it.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 8.2.
    """
    step = evidence.step_change
    if step is not None and step.descends is not None and step.descends < limits["uphill"] and not step.fell:
        return Suspicion(
            "uphill",
            f"The optimizer steps uphill: the cosine between its step and the way down is {step.descends:.2f}, and "
            "the loss "
            "of the very batch rises.",
            "Turn the sign: no maximize=True, no minus in front of the loss.",
            {"descends": step.descends, "uphill_limit": limits["uphill"]},
            fixes=(Part("edits", "minimise", {}),),
        )
    curves = evidence.watched
    if curves is None or not curves.train_loss or not math.isfinite(curves.train_loss[0]):
        return None
    first, last = curves.train_loss[0], curves.train_loss[-1]
    start = max(abs(first), abs(evidence.initial_constant or 0.0))
    factor = math.inf if curves.broke is not None or not math.isfinite(last) else (last / start if start else 0.0)
    if factor <= limits["rise"]:
        return None
    ended = "breaks (NaN or infinite)" if math.isinf(factor) else f"rises from {first:.3g} to {last:.3g}"
    return Suspicion(
        "rise",
        f"The loss of the training samples {ended}: the training leads away from what it looks for.",
        "Take a tenth of the rate; look at the scale of the inputs and of the first weights, and at the loss's sign.",
        {"rise": factor, "rise_limit": limits["rise"], "broke": curves.broke},
        fixes=(Part("edits", "rate", {"factor": 0.1}),),
    )
