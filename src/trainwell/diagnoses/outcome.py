"""Outcome: how a training went, against what the same samples allow and against itself with one thing changed.

Scores are accuracy or R2, so that differences of them mean the same in every program. A network that learns as well as
anything that was tried is seldom faulty, however odd it looks inside: most rules ask here before they speak.
"""

from trainwell.diagnoses.alone import alone, unlearnt
from trainwell.diagnoses.evidence import Evidence

FRUITLESS = (
    "batch-too-large",
    "cannot-overfit-batch",
    "dead-units",
    "diverging-loss",
    "exploding-gradient",
    "initial-loss-off",
    "labels-unlearnable",
    "learning-rate-too-high",
    "learning-rate-too-low",
    "loss-not-decreasing",
    "optimizer-unsuited",
    "oscillating-loss",
    "saturated-activations",
    "too-few-epochs",
    "underfitting",
    "vanishing-gradient",
)
"""What a training looks like that cannot get anywhere, whatever the reason: symptoms of every broken contract."""


_IDLE = 0.02  # share of the loss of a constant answer under which nothing has been learnt yet


def shortfall(evidence: Evidence) -> float | None:
    """By how much the training ends below the best that is known to be possible on these samples, in score.

    A training that was cut short is not held against what simple learners reach, only against trials of its own
    length; unless it has learnt nothing at all so far, which the first tenth of a sound one is enough for.

    Of a training that nothing can be compared with, how far its loss is from having come down.

    Returns:
        0 where nothing is better; None where nothing is known.
    """
    if alone(evidence):
        return unlearnt(evidence)
    watched = evidence.watched
    found = evidence.shortfall if watched is None or not watched.cut or _idle(evidence) else evidence.best_gain
    return None if found is None else max(0.0, found)


def missing(evidence: Evidence, trial: str) -> float | None:
    """What a trial gains in score beyond the others; where it was not made, how far the training falls short.

    Of what it gains, what three quarters of the other trials gain as well is taken off: where nearly everything helps,
    as beside a training that ended in a bad moment, nothing is told by it.
    """
    gained = evidence.gain(trial)
    if gained is None:
        return shortfall(evidence)
    gains = [evidence.gain(name) for name in evidence.trials if name not in (trial, "unchanged", "longer")]
    known = sorted(gain for gain in gains if gain is not None)
    return gained - max(0.0, known[len(known) // 4]) if known else gained


def _idle(evidence: Evidence) -> bool:
    explained = None if evidence.watched is None else evidence.explained(evidence.watched)
    return explained is not None and explained < _IDLE


def learnt(evidence: Evidence) -> float | None:
    """How far the training came above the best answer that looks at no input: 0 is nothing, 1 is all.

    Returns:
        Score above that of a constant answer, over the room above it; None where there is no score.
    """
    watched = evidence.watched
    if watched is None or watched.end is None:
        return None
    if evidence.reference is not None:
        constant: float | None = evidence.reference.constant
    elif evidence.facts.task == "regression":
        constant = 0.0
    else:
        constant = evidence.targets.parts[0].majority if evidence.targets and evidence.targets.parts else None
    return None if constant is None or constant >= 1 else (watched.end - constant) / (1 - constant)


def proven(evidence: Evidence, within: float) -> bool:
    """Whether the whole training was seen, and ends no more than `within` below the best that is known to be possible.

    Of a contract that was broken in such a program it can only be said that it did no harm.
    """
    watched = evidence.watched
    if watched is None or watched.cut or watched.end is None or evidence.shortfall is None:
        return False
    return evidence.shortfall <= within and (evidence.reference is not None or watched.end >= 0.95)


def doubtful(evidence: Evidence, limit: float) -> bool:
    """Whether the training ends more than `limit` below what is possible, or was cut short, so that it may do so."""
    cut = evidence.watched is None or evidence.watched.cut
    missing = shortfall(evidence)
    return cut or (missing is not None and missing > limit)
