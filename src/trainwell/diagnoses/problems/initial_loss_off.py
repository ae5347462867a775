"""A first loss far above that of a network that says nothing."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.edits import edits


@problems.add(
    "initial-loss-off",
    paper="https://karpathy.github.io/2019/04/25/recipe/",
    severity="warning",
    explains=("dead-units", "oscillating-loss", "learning-rate-too-low", "too-few-epochs", "underfitting"),
    ranges={"ratio": (3.0, 30.0), "shortfall": (0.03, 0.3)},
    signs=("outputs", "targets"),
)
def initial_loss_off(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """The network starts with strong opinions that are wrong, and spends its first steps to unlearn them.

    Definition: the loss before training, without what does not depend on the outputs, is more than `ratio` times that
    of the best constant output, and the training ends by `shortfall` below what is possible. It is laid to the targets
    where these are values whose mean or spread is large beside that of the outputs, otherwise to the outputs.

    Looks like: a curve like a hockey stick; a first loss in the tens where log C was expected.

    Causes: a last layer with large weights; targets of a regression that were not scaled; inputs on a large scale.

    Fixes, in order: start the last layer small, its bias at the mean of the targets; standardise the targets.

    Mistaken for: a sum over the batch instead of a mean, which makes every loss large.

    Args:
        evidence: What is known.
        limits: `ratio`: of the losses, above what uneven classes do (2 to 3); `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Karpathy, "A Recipe for Training Neural Networks", 2019, section 2.
    """
    constant, signal, pairing = evidence.initial_constant, evidence.signal, evidence.pairing
    if constant is None or signal is None or constant <= 0:
        return None
    if pairing is not None and pairing.doubled is not None and abs(pairing.doubled - 1) > 0.05:
        return None  # a sum over the samples: the two losses are of differently many
    ratio = signal.loss * (1 - (evidence.facts.penalty or 0.0)) / constant
    short = shortfall(evidence)
    if not ratio > limits["ratio"] or short is None or short <= limits["shortfall"]:
        return None
    numbers = {
        "ratio": ratio,
        "ratio_limit": limits["ratio"],
        "shortfall": short,
        "shortfall_limit": limits["shortfall"],
    }
    target = evidence.targets.parts[0] if evidence.targets and evidence.targets.parts else None
    size = max(abs(target.low or 0.0), abs(target.high or 0.0)) if target else 0.0
    regression = evidence.facts.task == "regression"
    if regression and evidence.outputs is not None and size > limits["ratio"] * evidence.outputs.evaluation.scale:
        return Suspicion(
            "targets",
            f"The first loss is {ratio:.1f} times that of the best constant output: targets reach {size:.3g}, "
            f"outputs start at {evidence.outputs.evaluation.scale:.3g}. The training is spent on getting there.",
            "Standardise the targets by mean and spread of the training samples, and scale the outputs back for use.",
            numbers,
            "targets",
            (edits.part("standardise-targets"),),
        )
    return Suspicion(
        "outputs",
        f"The first loss is {ratio:.1f} times that of the best constant output: the network starts sure of what is "
        "wrong.",
        "Start the last layer with small weights, and its bias at the mean of the targets or at the log of the "
        "class shares.",
        numbers,
        fixes=(edits.part("initialise"),),
    )
