"""So many samples a step that there are too few steps."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "batch-too-large",
    paper="https://arxiv.org/abs/1804.07612",
    severity="warning",
    explains=("underfitting", "too-few-epochs", "loss-not-decreasing"),
    ranges={"gain": (0.04, 0.3), "share": (0.05, 0.6)},
    signs=("trial",),
)
def batch_too_large(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """A step takes in so much of the data that the training consists of a few steps only.

    Definition: a batch holds more than `share` of the training samples, and batches of 32 at the same rate end better
    by more than `gain` of score.

    Looks like: smooth curves that fall slowly and are cut off.

    Causes: all samples in one batch; a batch size from a larger data set.

    Fixes, in order: batches of 32 to 128; or as many more epochs, or a rate that grows with the batch.

    Mistaken for: a rate too low: smaller batches at the same rate are also longer ways.

    Args:
        evidence: What is known.
        limits: `gain`: of score; `share`: of the training samples.

    Returns:
        What speaks for it.

    Reference:
        Masters, Luschi, "Revisiting Small Batch Training for Deep Neural Networks", 2018.
    """
    facts = evidence.facts
    if not facts.num_train:
        return None  # nobody's loop tells how many there are
    share = facts.batch_size / facts.num_train
    gain = evidence.gain("small-batch")
    if gain is None or share <= limits["share"] or facts.batch_size <= 32 or gain <= limits["gain"]:
        return None
    return Suspicion(
        "trial",
        f"A batch of {facts.batch_size} holds {share:.0%} of the training samples, so that there are {facts.steps} "
        "steps in "
        f"all; batches of 32 score {gain:.3f} higher.",
        "Take batches of 32 to 128 samples, or train for as many more epochs.",
        {"gain": gain, "gain_limit": limits["gain"], "share": share, "share_limit": limits["share"]},
        fixes=(Part("edits", "batch-size", {"size": 32}),),
    )
