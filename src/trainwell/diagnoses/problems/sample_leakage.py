"""Samples of a batch that reach into each other's outputs."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems


@problems.add(
    "sample-leakage",
    paper="https://karpathy.github.io/2019/04/25/recipe/",
    severity="error",
    explains=("underfitting", "cannot-overfit-batch", "loss-not-decreasing", "labels-unlearnable"),
    ranges={"pairs": (0.03, 0.5), "strength": (0.003, 0.3)},
    signs=("evaluation",),
)
def sample_leakage(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """What the network says of one sample depends on the other samples that happen to be in the batch.

    Definition: in evaluation mode, where batch norm goes by its running statistics, exchanging one sample changes the
    outputs of more than the share `pairs` of the others, by more than `strength` of the change of its own output.

    Looks like: a training loss that falls, and predictions that change with the batch size or with the order.

    Causes: a softmax or a norm over the batch axis; a `view` or `reshape` that mixes samples; a recurrent layer that
    takes the batch for the time (`batch_first`); a mean over the wrong axis.

    Fixes, in order: print the shape behind each operation for a batch of two; use `dim=1`, `transpose` instead of
    `view`, and `batch_first=True`.

    Mistaken for: batch norm in training mode, which mixes samples by design.

    Args:
        evidence: What is known.
        limits: `pairs`: share of pairs of samples; `strength`: of the change of the sample's own output.

    Returns:
        What speaks for it.

    Reference:
        Karpathy, "A Recipe for Training Neural Networks", 2019, "use backprop to chart dependencies".
    """
    reach = None if evidence.leakage is None else evidence.leakage.evaluation
    if reach is None or reach.strength is None or reach.noise > limits["strength"]:
        return None
    if reach.pairs <= limits["pairs"] or reach.strength <= limits["strength"]:
        return None
    return Suspicion(
        "evaluation",
        f"Exchanging one sample of a batch changes the outputs of {reach.pairs:.0%} of the others, by "
        f"{reach.strength:.2f} "
        "of what its own output changes: samples are mixed on their way through the network.",
        "Look at the shapes behind each operation: a softmax, norm or mean over the batch axis, a view that mixes "
        "samples, "
        "or a recurrent layer without batch_first=True.",
        {
            "pairs": reach.pairs,
            "pairs_limit": limits["pairs"],
            "strength": reach.strength,
            "strength_limit": limits["strength"],
        },
    )
