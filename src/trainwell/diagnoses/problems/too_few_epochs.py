"""A training that ends too early."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "too-few-epochs",
    paper="https://cs231n.github.io/neural-networks-3/",
    severity="warning",
    explains=("underfitting", "loss-not-decreasing"),
    ranges={"gain": (0.04, 0.3), "share": (0.3, 1.0), "slope": (0.02, 0.3), "steps": (10.0, 300.0)},
    signs=("steps", "trial", "rising"),
)
def too_few_epochs(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """The training stops while it still gets better.

    Definition: three times the epochs end better by more than `gain` of score; and either there are under `steps` steps
    in all, or they gain at least `share` of what the best other change does. Or, where the training was watched to its
    end and not prolonged, the validation score rose by more than `slope` in its last fifth, at a rate that is not
    falling.

    Looks like: curves that have not flattened, training and validation side by side.

    Causes: one or two epochs over few samples; a rate too low, which more epochs make up for.

    Fixes, in order: more epochs; a higher rate.

    Mistaken for: a rate too low, with the same curves: there a higher rate gains as much in the same time.

    Args:
        evidence: What is known.
        limits: `gain`, `slope`: of score; `share`: of another gain; `steps`: of the optimizer.

    Returns:
        What speaks for it.

    Reference:
        CS231n, notes on neural networks 3, "Babysitting the learning process".
    """
    curves = evidence.watched
    if curves is None or curves.cut:
        return None
    gain = evidence.gain("longer")
    epochs = evidence.facts.epochs
    fixes = (Part("edits", "epochs", {"factor": 3.0}),)
    if gain is not None:
        few = evidence.facts.steps < limits["steps"]
        if gain <= limits["gain"] or (not few and gain < limits["share"] * (evidence.best_gain or 0.0)):
            return None
        return Suspicion(
            "steps" if few else "trial",
            f"Three times the {epochs} epochs, of {evidence.facts.steps} steps in all, score {gain:.3f} higher: the "
            "training "
            "stops while it still gets better.",
            "Train for longer, or at a higher rate.",
            {"gain": gain, "gain_limit": limits["gain"], "steps": evidence.facts.steps, "steps_limit": limits["steps"]},
            fixes=fixes,
        )
    scores = [score for score in curves.valid_score if score is not None]
    if len(scores) < 5 or evidence.facts.scheduler:
        return None
    slope = scores[-1] - scores[-1 - max(1, len(scores) // 5)]
    if slope <= limits["slope"] or scores[-1] < max(scores):
        return None
    return Suspicion(
        "rising",
        f"The validation score rose by {slope:.3f} in the last fifth of the {epochs} epochs: it has not levelled off.",
        "Train for longer, or at a higher rate.",
        {"slope": slope, "slope_limit": limits["slope"]},
        fixes=fixes,
    )
