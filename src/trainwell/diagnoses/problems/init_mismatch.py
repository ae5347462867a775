"""A start that does not fit what is between the layers."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import missing
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.diagnoses.start import fits, left, product
from trainwell.edits import edits

_LARGE = 2.0  # times what is wanted: from there on a signal fades because it is cut off, and not for want of size


@problems.add(
    "init-mismatch",
    paper="https://arxiv.org/abs/1502.01852",
    severity="error",
    explains=(
        "vanishing-gradient",
        "exploding-gradient",
        "initial-loss-off",
        "learning-rate-too-low",
        "loss-not-decreasing",
        "underfitting",
        "too-few-epochs",
        "cannot-overfit-batch",
        "optimizer-unsuited",
    ),
    ranges={"bias": (0.5, 5.0), "decades": (1.0, 4.0), "gain": (0.1, 0.4)},
    signs=("bias", "weights", "signal"),
)
def init_mismatch(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Weights and biases start by another rule than that of the activation, and the signal fades, grows or stops.

    Definition: (bias) the biases of a hidden layer lie by more than `bias` below 0, in units of what its weights hand
    on, before an activation that is flat there; (weights) over all hidden layers the spread of
    the weights is too large by more than `decades` powers of ten, or too small by that, and so is what tells samples
    apart behind the last of them; (signal) the latter alone is; and the same training gains more than `gain` from a
    start by the rule.

    Looks like: what its kinds look like: `init-too-small`, `init-too-large`, `dead-units`.

    Causes: torch's own start, or Glorot's, in deep ReLU nets; He's with tanh or SELU; a bias set by hand.

    Fixes, in order: the rule of the activation, biases at 0; batch norm; skip connections.

    Mistaken for: torch's own start in a few layers, which does no harm; sigmoid between many layers, which no start
    mends.

    Args:
        evidence: What is known.
        limits: `bias` in spreads; `decades`: powers of ten over all layers; `gain`: of score.

    Returns:
        What speaks for it.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
    """
    gained = missing(evidence, "initialised")
    found = fits(evidence.architecture) if evidence.architecture else ()
    if not found or gained is None or gained <= limits["gain"]:
        return None
    numbers = {"gain": gained, "gain_limit": limits["gain"]}
    fixes = (edits.part("initialise"),)
    lowest = min(found, key=lambda fit: fit.bias)
    if -lowest.bias > limits["bias"]:
        return Suspicion(
            "bias",
            f"The biases of {lowest.name} start {-lowest.bias:.1f} spreads below 0: hardly a unit is on for any "
            "sample.",
            "Start the biases at 0.",
            numbers | {"bias": lowest.bias, "bias_limit": -limits["bias"]},
            lowest.name,
            fixes,
        )
    together, rest = product(found), left(evidence)
    mendable = all(fit.mendable for fit in found)
    far = 10 ** limits["decades"]
    if together and (together > far or (mendable and max(together, rest or together) < 1 / far)):
        return Suspicion(
            "weights",
            f"Over {len(found)} hidden layers the weights start {together:.2g} times as large as what their "
            "activations want.",
            "Start them by the rule of the activation: He's for ReLU, Glorot's for tanh, LeCun's for SELU.",
            numbers | {"together": together, "far_limit": far},
            lowest.name,
            fixes,
        )
    if mendable and rest is not None and rest * far < 1 and (together or 0.0) < _LARGE:
        return Suspicion(
            "signal",
            f"Behind the last hidden layer {rest:.1g} is left of what tells samples apart.",
            "Start weights and biases by the rule of the activation; batch norm or skip connections keep the signal "
            "up.",
            numbers | {"left": rest, "left_limit": 1 / far},
            lowest.name,
            fixes,
        )
    return None
