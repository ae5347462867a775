"""Units that start alike, and stay alike."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import FRUITLESS, proven
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "symmetric-init",
    paper="https://www.deeplearningbook.org/contents/optimization.html",
    severity="error",
    explains=(*FRUITLESS, "init-mismatch", "init-too-large", "init-too-small"),
    ranges={"same": (0.3, 0.95), "share": (0.03, 0.5), "proven": (0.005, 0.1)},
    signs=("zero", "same"),
)
def symmetric_init(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Units of equal weights that get equal gradients stay equal under any optimizer: a layer of them is a single unit.

    Definition: in some layer the share `same` of the units equals another one in weights, bias and gradient, and so
    does the share `share` of all units. (zero) where that layer's weights are 0, (same) otherwise. Silent where the
    training ends within `proven` of what is possible.

    Looks like: the loss falls to that of the class shares, or of a network of one unit a layer, and stays there.

    Causes: weights set to 0, to 1 or to another constant; an initializer called on weights that was meant for biases.

    Fixes, in order: draw the weights at random (He for ReLU, Glorot for tanh); biases may stay 0.

    Mistaken for: a last layer of zeros, or a residual branch that ends in zeros: their gradients differ.

    Args:
        evidence: What is known.
        limits: `same`, `share`: of the units; `proven`: of score.

    Returns:
        What speaks for it.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 8.4.
    """
    symmetry = evidence.symmetry
    if symmetry is None or symmetry.same is None or symmetry.same < limits["share"]:
        return None
    alike = [units for units in symmetry.layers if units.num_units > 1 and (units.same or 0.0) >= limits["same"]]
    if not alike or proven(evidence, limits["proven"]):
        return None
    zero = [units for units in alike if units.zero]
    first = (zero or alike)[0]
    return Suspicion(
        "zero" if zero else "same",
        f"{first.same:.0%} of the {first.num_units} units of {first.name} have the weights and the gradient of another "
        f"one{', all 0' if zero else ''} ({len(alike)} of {len(symmetry.layers)} layers are so): they stay alike, and "
        "the layer is worth one unit.",
        "Draw the weights at random, as torch does by itself, or by He's rule for ReLU.",
        {
            "same": first.same,
            "same_limit": limits["same"],
            "share": symmetry.same,
            "share_limit": limits["share"],
            "different": first.different,
        },
        where=first.name,
        fixes=(Part("edits", "initialise", {}),),
    )
