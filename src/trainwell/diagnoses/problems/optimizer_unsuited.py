"""An optimizer, or a setting of it, that does not go with this training."""

import math

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import doubtful, proven
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part

_WHOLE = ("Rprop", "LBFGS")  # made for the same samples in every step
_ADAPTIVE = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad")
_SANE = 1e-4  # a hundred times the largest eps in use beside networks tuned for it
_LONG = 0.97  # momentum from which on it outlasts what it was made for


@problems.add(
    "optimizer-unsuited",
    paper="https://arxiv.org/abs/1412.6980",
    severity="error",
    explains=(
        "batch-too-large",
        "cannot-overfit-batch",
        "diverging-loss",
        "learning-rate-too-low",
        "loss-not-decreasing",
        "oscillating-loss",
        "too-few-epochs",
        "underfitting",
    ),
    ranges={
        "part": (0.1, 0.9),
        "eps": (0.3, 300.0),
        "window": (0.3, 3.0),
        "proven": (0.005, 0.1),
        "shortfall": (0.02, 0.3),
    },
    signs=("climbs", "deaf", "whole", "eps", "window"),
)
def optimizer_unsuited(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """The rule of the steps, rather than their length, is wrong.

    Definition: one of these. (climbs) The optimizer maximises a loss that is lower for right answers. (deaf) A
    dampening of 1 beside a momentum: no gradient but the first one enters. (whole) Rprop or L-BFGS, which compare one
    step with the next, on batches of under the share `part` of the samples. (eps) The eps of an adaptive optimizer is
    more than `eps` times the root mean square of the gradient's entries: it divides by its eps, and adapts nothing.
    (window) A momentum that remembers 1 / (1 - momentum) steps, more than `window` times those of the whole training.
    The last three ask for a training that ends `shortfall` below what is possible, or was cut short; all but the first
    for one that is not known to end within `proven` of that.

    Looks like: a loss that rises, or swings, or creeps, at every rate.

    Causes: `maximize=True` left over; an eps meant for another scale; a method for full batches.

    Fixes, in order: the setting back to its default; AdamW at 1e-3.

    Mistaken for: a rate that is wrong, which is cheaper to mend.

    Args:
        evidence: What is known.
        limits: `part`: of the samples; `eps`, `window`: ratios; `proven`, `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Kingma, Ba, "Adam", 2015; Riedmiller, Braun, "RPROP", 1993.
    """
    facts, steps = evidence.facts, evidence.step_change
    adam = (Part("edits", "optimizer", {"to": "adamw", "lr": 1e-3}),)
    contrary = evidence.pairing is not None and (evidence.pairing.favour or 0.0) < 0
    if facts.largest("maximize") and not contrary and steps is not None and (steps.descends or 0.0) < 0:
        return Suspicion(
            "climbs",
            f"{facts.optimizer} maximises the loss (maximize=True), and the loss is lower for right answers: each step "
            "makes them worse.",
            "Set maximize=False.",
            {"descends": steps.descends},
            fixes=(Part("edits", "minimise", {}), *adam),
        )
    if proven(evidence, limits["proven"]):
        return None
    momentum = facts.largest("momentum") or 0.0
    if momentum and (facts.largest("dampening") or 0.0) >= 1:
        return Suspicion(
            "deaf",
            f"dampening={facts.largest('dampening'):g} keeps every gradient but the first out of the momentum: steps "
            f"shrink by {momentum:g} each time, in a direction that is never corrected.",
            "Set dampening=0.",
            {"dampening": facts.largest("dampening"), "momentum": momentum},
            fixes=(Part("edits", "optimizer", {"to": "sgd"}), *adam),
        )
    if doubtful(evidence, limits["shortfall"]):
        part = facts.batch_size / facts.num_train if facts.num_train else 1.0  # somebody's own loop does not tell
        if facts.optimizer in _WHOLE and part < limits["part"]:
            return Suspicion(
                "whole",
                f"{facts.optimizer} compares one step with the next, which has to be on the same samples; here each is "
                f"on {part:.0%} of them, and it follows their noise.",
                "Take AdamW at 1e-3, or all samples in one batch.",
                {"part": part, "part_limit": limits["part"]},
                fixes=adam,
            )
        eps, size = facts.largest("eps"), _entry(evidence)
        if facts.optimizer in _ADAPTIVE and eps is not None and eps > _SANE and size and eps / size > limits["eps"]:
            return Suspicion(
                "eps",
                f"eps={eps:g} is {eps / size:.2g} times the gradient's entries ({size:.1g}): {facts.optimizer} divides "
                "by it instead of by their size, and takes steps that are far too short.",
                "Take the default, 1e-8.",
                {"eps": eps, "ratio": eps / size, "ratio_limit": limits["eps"]},
                fixes=adam,
            )
        window = 1 / max(1e-9, 1 - momentum) / max(1, facts.steps)
        if momentum >= _LONG and window > limits["window"]:
            return Suspicion(
                "window",
                f"momentum={momentum:g} adds up the last {1 / max(1e-9, 1 - momentum):.0f} steps, and the training has "
                f"{facts.steps}: it never settles.",
                "Take a momentum of 0.9.",
                {"momentum": momentum, "window": window, "window_limit": limits["window"]},
                fixes=(Part("edits", "rate", {"factor": 0.1}), *adam),
            )
    return None


def _entry(evidence: Evidence) -> float | None:
    """Root mean square of the entries of the first gradient."""
    weights = evidence.signal.weights if evidence.signal is not None else ()
    known = [(one.gradient, math.prod(one.shape)) for one in weights if one.gradient is not None and one.trainable]
    count = sum(size for _, size in known)
    return math.sqrt(sum(gradient**2 for gradient, _ in known) / count) if count else None
