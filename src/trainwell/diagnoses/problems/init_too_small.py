"""Weights that start so small that nothing comes through."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import missing
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.diagnoses.start import fits, left, product
from trainwell.edits import edits


@problems.add(
    "init-too-small",
    paper="https://arxiv.org/abs/1502.01852",
    severity="error",
    explains=(
        "vanishing-gradient",
        "learning-rate-too-low",
        "loss-not-decreasing",
        "underfitting",
        "too-few-epochs",
        "cannot-overfit-batch",
        "optimizer-unsuited",
        "dead-units",
    ),
    ranges={"factor": (0.01, 0.3), "left": (1e-5, 0.1), "gain": (0.1, 0.4)},
    signs=("layer", "stack"),
)
def init_too_small(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Each layer hands on a smaller signal than it was given: behind the last one all samples look the same.

    Definition: (layer) the spread of some hidden layer's weights is under `factor` times what the activation behind it
    wants; (stack) those of all hidden layers together hand on
    less than the share `left`, and behind the last one less than that is left of what tells samples apart behind the
    first one; and the same training gains more than `gain` from a start by the rule.

    Looks like: outputs that are the same for all samples, a loss that sits at that of a constant answer for a long
    time.

    Causes: a standard deviation set by hand (0.01, 0.001); a rule made for another activation over many layers
    (Glorot's, or torch's own, with ReLU).

    Fixes, in order: He's start for ReLU, Glorot's for tanh, LeCun's for SELU; batch norm; skip connections.

    Mistaken for: sigmoid between many layers, which shortens any signal (see `vanishing-gradient`); weights that are
    all 0, which is another problem (symmetry); a last layer that starts at 0 on purpose; and torch's own start in a
    few layers, which does no harm.

    Args:
        evidence: What is known.
        limits: `factor` of a layer, `left` of the signal, fitted below those of torch's own start in shallow nets;
            `gain`: of score.

    Returns:
        What speaks for it.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
    """
    gained = missing(evidence, "initialised")
    found = tuple(fit for fit in fits(evidence.architecture) if fit.mendable) if evidence.architecture else ()
    if not found or gained is None or gained <= limits["gain"]:
        return None
    numbers = {"gain": gained, "gain_limit": limits["gain"]}
    advice = (
        "Start the weights by the rule that the activation wants: He's for ReLU, Glorot's for tanh, LeCun's for SELU."
    )
    least = min(found, key=lambda fit: fit.factor)
    if 0 < least.factor < limits["factor"]:
        return Suspicion(
            "layer",
            f"The weights of {least.name} start with {least.factor:.1g} of the spread that hands a signal on: hardly "
            "anything comes through, forwards or backwards.",
            advice,
            numbers | {"factor": least.factor, "factor_limit": limits["factor"]},
            least.name,
            (edits.part("initialise"),),
        )
    together, rest = product(found), left(evidence)
    if together and rest is not None and max(together, rest) < limits["left"]:
        return Suspicion(
            "stack",
            f"Each of {len(found)} layers hands on less than it is given: of what tells samples apart {rest:.1g} is "
            "left behind the last hidden layer.",
            advice,
            numbers | {"left": rest, "together": together, "left_limit": limits["left"]},
            least.name,
            (edits.part("initialise"),),
        )
    return None
