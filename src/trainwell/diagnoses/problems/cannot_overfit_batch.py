"""Not even a few samples can be learnt."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems


@problems.add(
    "cannot-overfit-batch",
    paper="https://karpathy.github.io/2019/04/25/recipe/",
    severity="error",
    explains=("underfitting", "loss-not-decreasing"),
    ranges={"learnt": (0.3, 0.95)},
    signs=("trials",),
)
def cannot_overfit_batch(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Whatever rate, start, inputs and optimizer are tried, the training samples are not learnt.

    Definition: no trial, and not the training itself, scores more than `learnt` of what simple learners reach on other
    samples, on the very samples it is trained on.

    Looks like: a loss that comes down to that of a constant answer and stays there, in every trial.

    Causes: a bottleneck; output and target that do not belong together; a part of the network that is cut off.

    Fixes, in order: look at the other findings, then at the forward pass, by hand, with two samples.

    Mistaken for: labels that nothing can be learnt from; there simple learners fail as well.

    Args:
        evidence: What is known.
        limits: `learnt`: share of the best simple learner's score.

    Returns:
        What speaks for it.

    Reference:
        Karpathy, "A Recipe for Training Neural Networks", 2019, "overfit one batch".
    """
    if evidence.reference is None or len(evidence.trials) < 5 or evidence.watched is None or evidence.watched.cut:
        return None
    best = evidence.reference.best - evidence.reference.constant
    if best < 0.2:
        return None
    runs = [evidence.watched, *(trial.curves for trial in evidence.trials.values() if trial.curves is not None)]
    ends = [run.train_end for run in runs if run.train_end is not None]
    if not ends:
        return None
    learnt = (max(ends) - evidence.reference.constant) / best
    if learnt >= limits["learnt"]:
        return None
    return Suspicion(
        "trials",
        f"Of what simple learners learn, the network learns {max(0.0, learnt):.0%} of its own training samples at "
        "most, at "
        "every rate, start and optimizer that was tried.",
        "Look at the forward pass with two samples: something between input, output and target does not fit.",
        {"learnt": learnt, "learnt_limit": limits["learnt"]},
    )
