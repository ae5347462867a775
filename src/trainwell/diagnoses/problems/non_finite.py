"""Numbers that are none: NaN or infinity in the data, at the start, or on the way."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.edits import edits


@problems.add(
    "non-finite",
    paper="https://arxiv.org/abs/1710.03740",
    severity="error",
    explains=("loss-not-decreasing", "oscillating-loss", "underfitting", "cannot-overfit-batch"),
    ranges={},
    signs=("data", "start", "training"),
)
def non_finite(evidence: Evidence, limits: Limits) -> Suspicion | None:  # noqa: ARG001
    """One NaN or infinity makes everything that it meets one too: from then on nothing is learnt.

    Definition: of the inputs or targets some are NaN or infinite; or loss or gradients of the first batch are; or
    those of a later one. The first of these that is so is named.

    Looks like: the loss is nan, at once or suddenly, and stays so.

    Causes: missing values in the data; log or division of 0, or a root at 0, in a loss of one's own; numbers beyond
    what half precision holds; a training that diverges (rate, start, scale of the inputs).

    Fixes, in order: fill in or drop what is missing; keep away from 0 by an eps; a lower rate, warm-up or clipping.

    Mistaken for: a loss that is large.

    Args:
        evidence: What is known.
        limits: None: a number is finite or it is not.

    Returns:
        What speaks for it.

    Reference:
        Micikevicius et al., "Mixed Precision Training", 2018, section 3.2.
    """
    parts = evidence.inputs.parts if evidence.inputs else ()
    missing = sum(part.nan_share + part.inf_share for part in parts)
    wanted = evidence.targets.parts if evidence.targets else ()
    unknown = sum(1 - part.finite for part in wanted)
    if missing or unknown:
        where = "inputs" if missing else "targets"
        return Suspicion(
            "data",
            f"{max(missing, unknown):.2%} of the {where} are NaN or infinite: every weight that meets one becomes "
            "NaN too.",
            "Drop these samples, or fill in what is missing: the mean of the feature, and a column that says so.",
            {"inputs_not_finite": missing, "targets_not_finite": unknown},
            where,
            (edits.part("impute"),) if missing else (),
        )
    signal = evidence.signal
    if signal is not None and (abs(signal.loss) == float("inf") or signal.loss != signal.loss or signal.not_finite):
        place = signal.not_finite[0] if signal.not_finite else ""
        return Suspicion(
            "start",
            f"Before any step the loss is {signal.loss:g}, and gradients of {len(signal.not_finite)} parameters are "
            "not finite.",
            "Look for log, division or a root at 0 in model and loss, and for weights that start far too large.",
            {"loss": signal.loss, "parameters": len(signal.not_finite)},
            place,
            (edits.part("initialise"),),
        )
    if evidence.watched is not None and evidence.watched.broke is not None:
        return Suspicion(
            "training",
            f"From step {evidence.watched.broke} of {evidence.watched.planned} on, loss or outputs are not finite: "
            "the training is over there.",
            "Steps are too long for what the loss looks like: lower the rate, warm up, clip; check the scale of the "
            "inputs.",
            {"step": evidence.watched.broke, "planned": evidence.watched.planned},
            fixes=(edits.part("rate", factor=0.1),),
        )
    return None
