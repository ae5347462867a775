"""So much is dropped that what is left cannot carry the signal."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import missing
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.edits import edits


@problems.add(
    "dropout-too-high",
    paper="https://jmlr.org/papers/v15/srivastava14a.html",
    severity="error",
    explains=(
        "underfitting",
        "over-regularised",
        "too-few-epochs",
        "learning-rate-too-low",
        "loss-not-decreasing",
        "oscillating-loss",
        "cannot-overfit-batch",
        "vanishing-gradient",
        "dead-units",
    ),
    ranges={"noise": (1.0, 8.0), "gain": (0.02, 0.2)},
    signs=("noise",),
)
def dropout_too_high(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Dropping with probability p adds noise of variance p / (1 - p) of what a unit says; too much drowns it.

    Definition: the sum of p / (1 - p) over the dropouts that a sample passes is above `noise`, and the same training
    gains more than `gain` without them.

    Looks like: training samples answered worse than validation samples; both far below what is possible.

    Causes: p taken for the share that is kept, as in older libraries; dropout in narrow layers, or behind every layer.

    Fixes, in order: a p of 0.1 to 0.5, less in narrow layers; no dropout before the last layer; wider layers.

    Mistaken for: 0.5 in wide layers, which is what it was made for, and learns well if slowly.

    Args:
        evidence: What is known.
        limits: `noise`: one p of 0.5 adds 1, of 0.9 adds 9; `gain`: of score.

    Returns:
        What speaks for it.

    Reference:
        Srivastava et al., "Dropout", 2014, sections 7.3 and A.4.
    """
    dropping = [layer for layer in evidence.architecture.layers if layer.p > 0] if evidence.architecture else []
    gained = missing(evidence, "no-dropout")
    if not dropping or gained is None or gained <= limits["gain"]:
        return None
    noise = sum(layer.p / max(1e-6, 1 - layer.p) for layer in dropping)
    if noise <= limits["noise"]:
        return None
    most = max(dropping, key=lambda layer: layer.p)
    return Suspicion(
        "noise",
        f"{len(dropping)} dropouts of up to p = {most.p:g} add {noise:.1f} times as much noise as there is signal: "
        f"without them the same training gains {gained:.2f} of score.",
        "Take a p of 0.1 to 0.5, less in narrow layers, and drop behind few layers only.",
        {"noise": noise, "noise_limit": limits["noise"], "gain": gained, "gain_limit": limits["gain"]},
        most.name,
        (edits.part("dropout", p=0.1), edits.part("no-dropout")),
    )
