"""Batches whose gradient is mostly chance."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import proven
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "batch-too-small",
    paper="https://arxiv.org/abs/1812.06162",
    severity="warning",
    explains=("oscillating-loss", "loss-not-decreasing", "diverging-loss"),
    ranges={
        "size": (1.0, 8.0),
        "gain": (0.03, 0.5),
        "beside": (0.1, 1.0),
        "noise": (0.5, 10.0),
        "proven": (0.005, 0.1),
    },
    signs=("trial", "noise"),
)
def batch_too_small(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Each step follows so few samples that the next one undoes most of it.

    Definition: batches of no more than `size` samples, and (trial) with larger ones the same training ends better by
    more than `gain`, and by no less than the share `beside` of what a lower rate gains; or, where that was not tried,
    (noise) the gradients of batches spread by more than `noise` times their mean, squared, at the start, in a training
    that breaks or ends where a constant answer does.

    Looks like: a loss that jumps from step to step and does not settle.

    Causes: one sample a step, with a rate meant for more; memory that allows no more.

    Fixes, in order: larger batches; a lower rate in proportion; gradients added up over several batches.

    Mistaken for: small batches with a small rate, which do well.

    Args:
        evidence: What is known.
        limits: `size`: samples; `gain`, `proven`: of score; `beside`: share; `noise`: squared ratio.

    Returns:
        What speaks for it.

    Reference:
        McCandlish et al., "An Empirical Model of Large-Batch Training", 2018, section 2.2.
    """
    size, watched = evidence.facts.batch_size, evidence.watched
    if size > limits["size"] or watched is None or proven(evidence, limits["proven"]):
        return None
    fixes = (Part("edits", "batch-size", {"size": 32}),)
    gain = evidence.gain("small-batch")
    slower = max(evidence.gain("rate-/10") or 0.0, evidence.gain("rate-/100") or 0.0)
    if gain is not None:
        if gain <= limits["gain"] or gain < limits["beside"] * slower:
            return None
        return Suspicion(
            "trial",
            f"With batches of 32 instead of {size} the same number of steps scores {gain:.3f} higher: each step "
            "follows too few samples, and is undone by the next.",
            "Take batches of 16 to 64, or a lower rate.",
            {"size": size, "size_limit": limits["size"], "gain": gain, "gain_limit": limits["gain"]},
            fixes=fixes,
        )
    noise = next((look.noise for look in evidence.looks if look.noise is not None), None)
    lost = watched.broke is not None or (evidence.explained(watched) or 0.0) < 0.02
    if noise is None or noise <= limits["noise"] or not lost:
        return None
    return Suspicion(
        "noise",
        f"Batches of {size}: their gradients spread by {noise:.2g} times their mean, squared, so that it takes about "
        f"{noise:.0f} of them for a steady direction, and the training gets nowhere.",
        "Take batches of 16 to 64, or a lower rate.",
        {"size": size, "noise": noise, "noise_limit": limits["noise"]},
        fixes=fixes,
    )
