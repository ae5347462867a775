"""Activations that sit at their ends, where they are flat."""

from trainwell.diagnoses.evidence import Evidence, Look
from trainwell.diagnoses.inside import flat_units
from trainwell.diagnoses.outcome import shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.edits import edits


@problems.add(
    "saturated-activations",
    paper="https://proceedings.mlr.press/v9/glorot10a.html",
    severity="error",
    explains=(
        "vanishing-gradient",
        "loss-not-decreasing",
        "underfitting",
        "learning-rate-too-low",
        "cannot-overfit-batch",
    ),
    ranges={"flat": (0.3, 0.9), "shortfall": (0.05, 0.4)},
    signs=("start", "training"),
)
def saturated_activations(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Where an activation is flat it hands no gradient back: what lies before it stops learning.

    Definition: of the values of an activation that is flat on both sides (sigmoid, tanh), more than the share `flat`
    lie where its slope is under 1 % of the largest, before training (start) or behind it (training), and the training
    ends by `shortfall` below what is possible. What makes the outputs may saturate when it is sure and right: it
    counts only while it does not learn.

    Looks like: values of -1 and 1, or 0 and 1, and nothing between; first layers that do not move.

    Causes: weights that start too large; inputs on a large scale; a rate that threw the weights out.

    Fixes, in order: standardise the inputs; a start made for the activation; a lower rate; ReLU or its kin.

    Mistaken for: the zeros of ReLU, which is flat on one side by design, and the last sigmoid of a network that is
    sure.

    Args:
        evidence: What is known.
        limits: `flat`: share of the values; `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 3.
    """
    short = shortfall(evidence)
    if not evidence.looks or short is None or short <= limits["shortfall"]:
        return None
    numbers = {"flat_limit": limits["flat"], "shortfall": short, "shortfall_limit": limits["shortfall"]}
    before, after = (_flattest(evidence, look) for look in (evidence.looks[0], evidence.looks[-1]))
    if before is not None and before[1] > limits["flat"]:
        return Suspicion(
            "start",
            f"Before training {before[1]:.0%} of the values of {before[0]} lie where it is flat: hardly a gradient "
            "comes back.",
            "Standardise the inputs, and start the weights by the rule that the activation wants.",
            numbers | {"flat": before[1]},
            before[0],
            (edits.part("standardise-inputs"), edits.part("initialise"), edits.part("activation", to="relu")),
        )
    if after is not None and after[1] > limits["flat"]:
        return Suspicion(
            "training",
            f"Behind the training {after[1]:.0%} of the values of {after[0]} lie where it is flat: it has been "
            "driven there, and no gradient brings it back.",
            "Lower the rate; if that is not it, standardise the inputs or put norm layers in.",
            numbers | {"flat": after[1]},
            after[0],
            (edits.part("rate", factor=0.1),),
        )
    return None


def _flattest(evidence: Evidence, look: Look) -> tuple[str, float] | None:
    """The activation, flat on both sides, of the largest share of flat values."""
    found = [(unit.name, unit.flat) for unit in flat_units(evidence, look.units, "both") if unit.flat is not None]
    return max(found, key=lambda one: one[1], default=None)
