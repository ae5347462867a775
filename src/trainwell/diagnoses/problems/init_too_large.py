"""Weights that start so large that the signal grows or is cut off."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import missing
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.diagnoses.start import fits, heads, left, product
from trainwell.edits import edits


@problems.add(
    "init-too-large",
    paper="https://arxiv.org/abs/1502.01852",
    severity="error",
    explains=(
        "exploding-gradient",
        "saturated-activations",
        "initial-loss-off",
        "vanishing-gradient",
        "dead-units",
        "diverging-loss",
        "non-finite",
        "oscillating-loss",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "loss-not-decreasing",
        "underfitting",
        "overfitting",
        "too-few-epochs",
        "cannot-overfit-batch",
        "optimizer-unsuited",
    ),
    ranges={"factor": (3.0, 15.0), "stack": (5.0, 1e3), "head": (5.0, 100.0), "gain": (0.03, 0.3)},
    signs=("layer", "stack", "head"),
)
def init_too_large(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Each layer hands on a larger signal than it got: outputs start huge, or bounded activations sit at their ends.

    Definition: (layer) the spread of some hidden layer's weights is over `factor` times what the activation behind it
    wants; (stack) that of all hidden layers together is over `stack` times, and so much more tells samples apart
    behind the last than behind the first; (head) a last layer's spread is over `head`; layers with a norm directly
    behind them left aside. And the same training gains more than `gain` from a start by the rule.

    Looks like: a first loss in the hundreds; tanh at -1 and 1 only; units that die in the first steps.

    Causes: weights drawn with standard deviation 1 whatever the width; a rule given the wrong fan or gain.

    Fixes, in order: He's start for ReLU, Glorot's for tanh, LeCun's for SELU; batch norm.

    Mistaken for: large weights before a norm layer, which takes their size out again.

    Args:
        evidence: What is known.
        limits: `factor` of a layer, `stack` of all, `head` of a last one, fitted above He's start, which is 1; `gain`:
            of score.

    Returns:
        What speaks for it.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
    """
    gained = missing(evidence, "initialised")
    if evidence.architecture is None or gained is None or gained <= limits["gain"]:
        return None
    numbers = {"gain": gained, "gain_limit": limits["gain"]}
    found, last = fits(evidence.architecture), heads(evidence.architecture)
    advice = (
        "Start the weights by the rule that the activation wants: He's for ReLU, Glorot's for tanh, LeCun's for SELU."
    )
    most = max(found, key=lambda fit: fit.factor, default=None)
    if most is not None and most.factor > limits["factor"]:
        return Suspicion(
            "layer",
            f"The weights of {most.name} start with {most.factor:.3g} times the spread that hands a signal on.",
            advice,
            numbers | {"factor": most.factor, "factor_limit": limits["factor"]},
            most.name,
            (edits.part("initialise"),),
        )
    factor, rest = product(found), left(evidence)
    together = factor if factor is None or rest is None else min(factor, rest)
    if most is not None and together is not None and together > limits["stack"]:
        return Suspicion(
            "stack",
            f"The weights of {len(found)} layers start too large by {together:.2g} times together: the signal grows "
            "with each of them.",
            advice,
            numbers | {"stack": together, "stack_limit": limits["stack"]},
            most.name,
            (edits.part("initialise"),),
        )
    largest = max(last, key=lambda fit: fit.factor, default=None)
    if largest is not None and largest.factor > limits["head"]:
        return Suspicion(
            "head",
            f"The weights of {largest.name}, a last layer, start with a spread of {largest.factor:.3g}: the network "
            "starts sure of what is wrong.",
            "Start the last layer small: a spread of 1 at most, as torch does.",
            numbers | {"head": largest.factor, "head_limit": limits["head"]},
            largest.name,
            (edits.part("initialise"),),
        )
    return None
