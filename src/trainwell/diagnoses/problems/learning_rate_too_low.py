"""Steps that are too short."""

import statistics

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part

_OTHERS = ("standardised", "initialised", "no-decay", "no-dropout", "relu")


@problems.add(
    "learning-rate-too-low",
    paper="https://arxiv.org/abs/1206.5533",
    severity="error",
    explains=("underfitting", "loss-not-decreasing", "cannot-overfit-batch"),
    ranges={"gain": (0.05, 0.3), "eased": (0.03, 0.5), "way": (0.003, 0.3), "shortfall": (0.05, 0.4)},
    signs=("way", "trial", "eased"),
)
def learning_rate_too_low(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """The steps are so short that the training ends before it has got anywhere.

    Definition: the same training with ten or a hundred times the rate ends better by more than `gain` of score, or,
    where it is too short for a score, explains by `eased` more of the loss; and it helps more than other inputs,
    another start or another activation do.

    Looks like: a loss that falls evenly and slowly to the end, in training and validation alike.

    Causes: a rate from another optimizer (0.001 is usual for Adam and low for SGD); Adadelta or Adagrad at a rate meant
    for Adam; a sum of the loss divided twice.

    Fixes, in order: ten times the rate; Adam; more epochs.

    Mistaken for: too few epochs, with the same curves; vanishing gradients, where a higher rate helps the last layers
    only.

    Args:
        evidence: What is known.
        limits: `gain`, `shortfall`: of score; `eased`: of the loss; `way`: of a weight's norm.

    Returns:
        What speaks for it.

    Reference:
        Bengio, "Practical recommendations for gradient-based training of deep architectures", 2012, section 3.1.1.
    """
    if evidence.watched is None or evidence.unchanged is None:
        return None
    slower = [gain for factor in (10, 100) if (gain := evidence.gain(f"rate-/{factor}")) is not None]
    if max(slower, default=0.0) > limits["gain"]:
        return None  # units that died of long steps move as little as those of short ones
    rate = evidence.facts.lr
    shown = "" if rate is None else f" of {rate:g}"
    way = _way(evidence)
    missing = max((value for value in (evidence.shortfall, evidence.best_gain) if value is not None), default=0.0)
    if way is not None and way < limits["way"] and missing > limits["shortfall"]:
        return Suspicion(
            "way",
            f"At a learning rate{shown} all {evidence.facts.steps} steps, laid end to end, move half of the weights "
            "by less "
            f"than {way:.1%} of their size: the training ends before it has begun.",
            "Take ten to a hundred times the rate, or Adam at 0.001.",
            {"way": way, "way_limit": limits["way"], "shortfall": missing, "shortfall_limit": limits["shortfall"]},
            fixes=(Part("edits", "rate", {"factor": 100.0}), Part("edits", "optimizer", {"to": "adamw", "lr": 1e-3})),
        )
    short = evidence.unchanged.cut
    measure, limit = (evidence.eased, limits["eased"]) if short else (evidence.gain, limits["gain"])
    found = {factor: value for factor in (10, 100) if (value := measure(f"rate-x{factor}")) is not None}
    if not found:
        return None
    others = [value for name in _OTHERS if (value := measure(name)) is not None]
    factor = max(found, key=lambda each: found[each])
    if found[factor] <= limit or found[factor] < 0.7 * max(others, default=0.0):
        return None
    gained = f"explains {found[factor]:.0%} more of the loss" if short else f"scores {found[factor]:.3f} higher"
    return Suspicion(
        "eased" if short else "trial",
        f"With {factor} times the learning rate{shown} the same training {gained}: the steps are too short to get "
        "anywhere.",
        f"Take {factor} times the rate, or Adam, which finds its own scale.",
        {"gain": found[factor], "gain_limit": limit, "factor": factor},
        fixes=(Part("edits", "rate", {"factor": float(factor)}),),
    )


def _way(evidence: Evidence) -> float | None:
    """The way that half of the weights can go in the training, over their norms, by the longest step looked at."""
    known = [[update for update in look.updates.values() if update is not None] for look in evidence.looks]
    moved = [statistics.median(updates) for updates in known if updates]
    return max(moved) * evidence.facts.steps if moved and max(moved) > 0 else None
