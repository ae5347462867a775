"""Inputs that lie far from 0, all on one side."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.feeding import fed, offset
from trainwell.diagnoses.outcome import missing
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.edits import edits


@problems.add(
    "input-not-centred",
    paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf",
    severity="error",
    explains=(
        "learning-rate-too-high",
        "exploding-gradient",
        "initial-loss-off",
        "saturated-activations",
        "dead-units",
        "diverging-loss",
        "oscillating-loss",
        "non-finite",
        "loss-not-decreasing",
        "underfitting",
        "cannot-overfit-batch",
        "optimizer-unsuited",
    ),
    ranges={"centre": (3.0, 30.0), "gain": (0.03, 0.3)},
    signs=("centre",),
)
def input_not_centred(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """What all samples have in common is many times what tells them apart, and drowns it.

    Definition: the means of the features are more than `centre` times their standard deviations, both as root mean
    squares over the features; no norm reads the inputs first; and the same training gains more than `gain` when each
    feature is standardised.

    Looks like: units that are on for all samples or for none, a loss that swings from batch to batch.

    Causes: measurements with an offset (years, temperatures in kelvin, coordinates), a shift of the wrong sign.

    Fixes, in order: subtract from each feature its mean over the training samples; a norm layer at the input.

    Mistaken for: pixels from 0 to 1, whose mean is about their spread, and which learn well as they are.

    Args:
        evidence: What is known.
        limits: `centre`: in standard deviations; `gain`: of score. Fitted, above the 1 to 2 of pictures.

    Returns:
        What speaks for it.

    Reference:
        LeCun et al., "Efficient BackProp", 1998, section 4.3.
    """
    found = missing(evidence, "standardised")
    if found is None or found <= limits["gain"]:
        return None
    for part in fed(evidence):
        away = offset(part)
        if away is not None and away > limits["centre"]:
            return Suspicion(
                "centre",
                f"The mean of the features is {away:.0f} times their spread: what samples have in common drowns what "
                f"tells them apart. Standardised, the same training gains {found:.2f} of score.",
                "Subtract from each feature its mean over the training samples, from validation samples the same "
                "numbers.",
                {"centre": away, "centre_limit": limits["centre"], "gain": found, "gain_limit": limits["gain"]},
                part.name or "inputs",
                (edits.part("standardise-inputs"),),
            )
    return None
