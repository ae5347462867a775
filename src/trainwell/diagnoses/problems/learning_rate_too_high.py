"""Steps that are too long."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part

_OTHERS = ("standardised", "initialised", "no-decay", "no-dropout")


@problems.add(
    "learning-rate-too-high",
    paper="https://arxiv.org/abs/1206.5533",
    severity="error",
    explains=(
        "diverging-loss",
        "oscillating-loss",
        "loss-not-decreasing",
        "non-finite",
        "exploding-gradient",
        "dead-units",
        "saturated-activations",
        "underfitting",
        "cannot-overfit-batch",
        "initial-loss-off",
    ),
    ranges={"gain": (0.05, 0.3), "step": (0.03, 3.0), "learnt": (0.3, 0.95)},
    signs=("trial", "step"),
)
def learning_rate_too_high(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """The steps are so long that they jump over the valley: the loss rises, swings or breaks, or units die.

    Definition: the same training with a tenth, or a hundredth, of the rate ends better by more than `gain` of score
    (where it is too short for a score, it explains so much more of the loss), and it helps more than other inputs or
    another start do. Or a single step changes a weight by more than the share `step` of its norm while under `learnt`
    of the training samples are answered.

    Looks like: a loss that rises, breaks, or swings without falling; layers whose units are all dead.

    Causes: a rate from another optimizer (0.1 is usual for SGD and far too high for Adam); a momentum near 1, which
    multiplies the rate by 1 / (1 - momentum); a loss that is a sum over the batch; a batch of a single sample.

    Fixes, in order: a warm-up; clipping of the gradient; a tenth of the rate, and again a tenth.

    Mistaken for: inputs or weights on too large a scale, which make any rate too high; there the other inputs help.

    Args:
        evidence: What is known.
        limits: `gain`, `step`, `learnt`: shares.

    Returns:
        What speaks for it.

    Reference:
        Bengio, "Practical recommendations for gradient-based training of deep architectures", 2012, section 3.1.1.
    """
    curves = evidence.watched
    if curves is None:
        return None
    rate = evidence.facts.lr
    shown = "" if rate is None else f" of {rate:g}"
    lower = {factor: evidence.gain(f"rate-/{factor}") for factor in (10, 100)}
    gains = {factor: gain for factor, gain in lower.items() if gain is not None}
    others = [gain for name in _OTHERS if (gain := evidence.gain(name)) is not None]
    if gains:
        factor = max(gains, key=lambda each: gains[each])
        if gains[factor] > limits["gain"] and gains[factor] >= 0.7 * max(others, default=0.0):
            return Suspicion(
                "trial",
                f"With 1/{factor} of the learning rate{shown} the same training scores {gains[factor]:.3f} higher: "
                "the steps are too long, and jump over what they should settle in.",
                f"Take 1/{factor} of the rate; a warm-up and clipping let a higher one pass.",
                {"gain": gains[factor], "gain_limit": limits["gain"], "factor": 1 / factor},
                fixes=(Part("edits", "rate", {"factor": 1 / factor}),),
            )
    steps = {
        name: update for look in evidence.looks[1:2] for name, update in look.updates.items() if update is not None
    }
    learnt = curves.train_end
    if steps and not evidence.trials and learnt is not None and learnt < limits["learnt"]:
        name = max(steps, key=lambda each: steps[each])
        if steps[name] > limits["step"]:
            return Suspicion(
                "step",
                f"A single step changes {name} by {steps[name]:.0%} of its size, and few training samples are answered "
                "rightly: what was learnt in one step is undone by the next.",
                "Take a tenth of the rate.",
                {"step": steps[name], "step_limit": limits["step"], "learnt": learnt},
                where=name,
                fixes=(Part("edits", "rate", {"factor": 0.1}),),
            )
    return None
