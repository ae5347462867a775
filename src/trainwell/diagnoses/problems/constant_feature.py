"""Features that are the same for all samples, where those are missed."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import learnt
from trainwell.diagnoses.problems import Limits, Suspicion, problems


@problems.add(
    "constant-feature",
    paper="https://jmlr.org/papers/v3/guyon03a.html",
    severity="error",
    explains=(
        "labels-unlearnable",
        "underfitting",
        "loss-not-decreasing",
        "overfitting",
        "cannot-overfit-batch",
        "too-few-epochs",
    ),
    ranges={"share": (0.05, 0.6), "learnt": (0.05, 0.4)},
    signs=("all", "some"),
)
def constant_feature(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """A feature that never changes tells nothing; where much of the input is so, what counts may be lost with it.

    Definition: all features are constant; or more than the share `share` of them, while neither the network nor any
    simple learner gets further than the share `learnt` of the way from a constant answer to a perfect one.

    Looks like: nothing is learnt beyond the mean or the commonest class, whatever is tried.

    Causes: a column that was overwritten or read from the wrong place; a join that failed; scaling by a wrong constant
    that rounds a column to one number.

    Fixes, in order: look at the columns named and load them anew; drop them where they are meant to be constant.

    Mistaken for: pixels at the border of a picture, which are black in all of them, and are not missed.

    Args:
        evidence: What is known.
        limits: `share`: of the features; `learnt`: of the way to a perfect score.

    Returns:
        What speaks for it.

    Reference:
        Guyon, Elisseeff, "An Introduction to Variable and Feature Selection", 2003, section 2.
    """
    if evidence.inputs is None or not evidence.inputs.parts:
        return None
    part = max(evidence.inputs.parts, key=lambda one: one.constant_share)
    share = min(one.constant_share for one in evidence.inputs.parts)
    advice = "Look where these columns come from and load them anew; drop those that are meant to be constant."
    if share == 1:
        return Suspicion(
            "all",
            "All inputs are the same for all samples: nothing tells one from another.",
            advice,
            {"share": 1.0},
            part.name or "inputs",
        )
    reached, reference = learnt(evidence), evidence.reference
    if reached is None or reference is None or part.constant_share <= limits["share"]:
        return None
    possible = (reference.best - reference.constant) / max(1e-9, 1 - reference.constant)
    if max(reached, possible) >= limits["learnt"]:
        return None
    columns = [place for place, spread in enumerate(part.spreads) if not spread]
    return Suspicion(
        "some",
        f"{part.constant_share:.0%} of the features never change (columns {', '.join(map(str, columns[:8]))}), and "
        "from the others neither the network nor a simple learner can tell the targets: what counts may have been "
        "lost.",
        advice,
        {
            "share": part.constant_share,
            "share_limit": limits["share"],
            "learnt": reached,
            "possible": possible,
            "learnt_limit": limits["learnt"],
        },
        part.name or "inputs",
    )
