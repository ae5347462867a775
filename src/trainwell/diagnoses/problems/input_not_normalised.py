"""Inputs on a scale that the weights were not made for."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.feeding import fed, prominence, spread
from trainwell.diagnoses.outcome import missing
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.edits import edits


@problems.add(
    "input-not-normalised",
    paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf",
    severity="error",
    explains=(
        "input-not-centred",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "exploding-gradient",
        "vanishing-gradient",
        "initial-loss-off",
        "saturated-activations",
        "dead-units",
        "diverging-loss",
        "oscillating-loss",
        "non-finite",
        "loss-not-decreasing",
        "underfitting",
        "too-few-epochs",
        "cannot-overfit-batch",
        "optimizer-unsuited",
    ),
    ranges={"large": (3.0, 50.0), "small": (0.003, 0.1), "decades": (0.7, 3.0), "gain": (0.03, 0.3)},
    signs=("large", "small", "decades"),
)
def input_not_normalised(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Rates and starts are made for features that vary by about 1; other inputs scale outputs and gradients with them.

    Definition: the features vary by more than `large` or less than `small`, as a root mean square of their standard
    deviations, or one varies by more than `decades` powers of ten more than the middle one; no norm reads the inputs
    first; and the same training gains more than `gain` when each feature is standardised.

    Looks like: a first loss in the hundreds, units that die in the first steps, loss that swings or breaks; with small
    inputs, a loss that hardly moves.

    Causes: raw pixels from 0 to 255; raw columns of a table; scaling done twice, or to the training part only.

    Fixes, in order: standardise each feature by mean and spread of the training samples; a norm layer at the input.

    Mistaken for: a rate too high, which a smaller one mends as well, but only by learning slowly.

    Args:
        evidence: What is known.
        limits: `large`, `small`: spread of the features; `decades`: powers of ten; `gain`: of score. Fitted, between
            what pixels from 0 to 1 have (0.3) and raw ones (70).

    Returns:
        What speaks for it.

    Reference:
        LeCun et al., "Efficient BackProp", 1998, section 4.3.
    """
    found = missing(evidence, "standardised")
    if found is None or found <= limits["gain"]:
        return None
    for part in fed(evidence):
        size, ahead = spread(part), prominence(part)
        if size is None or ahead is None:
            continue
        odd = {"decades": ahead > limits["decades"], "large": size > limits["large"], "small": size < limits["small"]}
        sign = next((sign for sign, is_so in odd.items() if is_so), "")
        if sign:
            return Suspicion(
                sign,
                f"The inputs vary by {size:.3g} where weights are made for 1, and one feature varies by {ahead:.1f} "
                f"powers of ten more than most: standardised, the same training gains {found:.2f} of score.",
                "Subtract from each feature its mean over the training samples and divide by its standard "
                "deviation; do the same to validation samples, with the same numbers.",
                {"spread": size, "decades": ahead, "gain": found, **{f"{k}_limit": v for k, v in limits.items()}},
                part.name or "inputs",
                (edits.part("standardise-inputs"),),
            )
    return None
