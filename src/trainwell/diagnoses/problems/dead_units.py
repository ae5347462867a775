"""Units that say the same for every sample."""

from trainwell.diagnoses.evidence import Evidence, Look, Unit
from trainwell.diagnoses.inside import flat_units
from trainwell.diagnoses.outcome import shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.edits import edits

_FEW = 4  # units: with fewer, one that dies by chance is a large share; what is wrong there is the width


@problems.add(
    "dead-units",
    paper="https://arxiv.org/abs/1903.06733",
    severity="error",
    explains=("vanishing-gradient", "loss-not-decreasing", "underfitting", "cannot-overfit-batch"),
    ranges={"start": (0.3, 0.95), "end": (0.3, 0.95), "shortfall": (0.05, 0.4)},
    signs=("start", "training"),
)
def dead_units(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """A unit that is off for all samples gets no gradient, and never comes back; too many, and nothing passes.

    Definition: of some layer's units behind an activation that is flat below (ReLU and its kin), more than the share
    `start` give the same for every one of up to 1000 samples before training, or more than `end` behind it, and the
    training ends by `shortfall` below what is possible.

    Looks like: outputs that are the same for all samples; a loss that sits at that of a constant answer.

    Causes: biases far below 0; weights too small or too large over many narrow layers; a rate that throws all weights
    to one side in a few steps; inputs that are not centred.

    Fixes, in order: biases at 0 and He's start; a lower rate; standardised inputs; leaky ReLU; batch norm.

    Mistaken for: sparse activity, where a unit is off for most samples and on for some: that is how ReLU works.

    Args:
        evidence: What is known.
        limits: `start`, `end`: share of a layer's units; `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Lu et al., "Dying ReLU and Initialization", 2020, section 2.
    """
    short = shortfall(evidence)
    if not evidence.looks or short is None or short <= limits["shortfall"]:
        return None
    numbers = {"shortfall": short, "shortfall_limit": limits["shortfall"]}
    before, after = (_deadest(evidence, look) for look in (evidence.looks[0], evidence.looks[-1]))
    if before is not None and before.dead > limits["start"]:
        return Suspicion(
            "start",
            f"Before training {before.dead:.0%} of the {before.num_units} units of {before.name} say the same for "
            "every sample: they get no gradient and stay so.",
            "Start the biases at 0 and the weights by He's rule; wider layers, leaky ReLU or batch norm keep units "
            "alive.",
            numbers | {"dead": before.dead, "dead_limit": limits["start"]},
            before.name,
            (edits.part("initialise"), edits.part("norm")),
        )
    if after is not None and after.dead > limits["end"]:
        return Suspicion(
            "training",
            f"Behind the training {after.dead:.0%} of the {after.num_units} units of {after.name} say the same for "
            "every sample: they were driven out of reach of any gradient.",
            "Lower the rate; if that is not it, standardise the inputs, or use leaky ReLU or batch norm.",
            numbers | {"dead": after.dead, "dead_limit": limits["end"]},
            after.name,
            (edits.part("rate", factor=0.1), edits.part("norm")),
        )
    return None


def _deadest(evidence: Evidence, look: Look) -> Unit | None:
    """Of the activations that are flat below the one with the largest share of dead units."""
    wide = tuple(unit for unit in look.units if unit.num_units >= _FEW)
    return max(flat_units(evidence, wide, "below"), key=lambda unit: unit.dead, default=None)
