"""Weights held down so hard that they cannot learn."""

import math

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import missing, shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.edits import edits


@problems.add(
    "over-regularised",
    paper="https://arxiv.org/abs/1711.05101",
    severity="error",
    explains=(
        "underfitting",
        "too-few-epochs",
        "loss-not-decreasing",
        "learning-rate-too-low",
        "initial-loss-off",
        "dead-units",
        "vanishing-gradient",
        "cannot-overfit-batch",
    ),
    ranges={"gain": (0.02, 0.2), "shrunk": (0.05, 0.7), "penalty": (0.3, 0.95)},
    signs=("decay", "shrunk", "penalty"),
)
def over_regularised(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """What pulls the weights to 0 is stronger than what the samples say, so that little or nothing is learnt.

    Definition: (decay) the optimizer decays weights, whose norm does not grow, and the same training gains more than
    `gain` without; or the norm of all weights falls under the share `shrunk` of what it was, the training ends by more
    than `gain` below what is possible, and (shrunk) the optimizer decays weights, or (penalty) more than the share
    `penalty` of the first loss depends on no output.

    Looks like: the training loss stays near that of a constant answer; weights shrink to nothing.

    Causes: a decay of 0.1 or more handed to an optimizer that multiplies it by a large rate, or to Adam, which adds it
    to the gradient; an L1 or L2 penalty summed over all weights.

    Fixes, in order: a decay of 0 to 1e-4, or AdamW with 0.01; a penalty a hundred times smaller.

    Mistaken for: AdamW's decay of 0.01 to 0.1, which is multiplied by a small rate.

    Args:
        evidence: What is known.
        limits: `gain`: of score; `shrunk`: share of the norm; `penalty`: share of the loss.

    Returns:
        What speaks for it.

    Reference:
        Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019, section 2.
    """
    decay = evidence.facts.largest("weight_decay") or 0.0
    gained = missing(evidence, "no-decay") if decay > 0 and evidence.gain("no-decay") is not None else None
    norms = [math.sqrt(sum(norm * norm for norm in look.norms.values())) for look in evidence.looks]
    shrunk = norms[-1] / norms[0] if len(norms) > 1 and norms[0] else 1.0
    if gained is not None and gained > limits["gain"] and shrunk <= 1:
        return Suspicion(
            "decay",
            f"A weight decay of {decay:g} holds the weights down (to {shrunk:.2f} of their norm): without it the "
            f"same training gains {gained:.2f} of score.",
            "Take a decay of 0 to 1e-4; with AdamW 0.01 is usual.",
            {"decay": decay, "gain": gained, "gain_limit": limits["gain"], "shrunk": shrunk},
            fixes=(edits.part("no-decay"),),
        )
    share, short = evidence.facts.penalty or 0.0, shortfall(evidence)
    if shrunk >= limits["shrunk"] or short is None or short <= limits["gain"]:
        return None
    numbers = {"shrunk": shrunk, "shrunk_limit": limits["shrunk"]}
    numbers |= {"shortfall": short, "shortfall_limit": limits["gain"]}
    if decay > 0:
        return Suspicion(
            "shrunk",
            f"Under a weight decay of {decay:g} the weights shrink to {shrunk:.2g} of their norm, and the training "
            f"ends {short:.2f} of score below what is possible.",
            "Take a decay of 0 to 1e-4; with AdamW 0.01 is usual.",
            numbers | {"decay": decay},
            fixes=(edits.part("no-decay"),),
        )
    if share > limits["penalty"]:
        return Suspicion(
            "penalty",
            f"{share:.0%} of the first loss depends on no output, and the weights shrink to {shrunk:.2g} of their "
            "norm: the penalty is learnt instead of the samples.",
            "Make the penalty a hundred times smaller, or leave it out.",
            numbers | {"penalty": share, "penalty_limit": limits["penalty"]},
        )
    return None
