"""Targets that do not belong to their inputs."""

import math

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import learnt
from trainwell.diagnoses.problems import Limits, Suspicion, problems

_HEART = 0.5  # of the way from a constant answer to a perfect one, on training samples
_CHANCE = 2.0  # standard errors of a score on the validation samples


@problems.add(
    "labels-unlearnable",
    paper="https://arxiv.org/abs/1611.03530",
    severity="error",
    explains=(
        "underfitting",
        "overfitting",
        "loss-not-decreasing",
        "too-few-epochs",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "oscillating-loss",
        "diverging-loss",
        "dead-units",
    ),
    ranges={"deviations": (2.0, 8.0), "learnt": (0.1, 0.5), "noise": (0.2, 0.7), "above": (0.05, 0.4)},
    signs=("conflict", "heart", "chance", "noise"),
)
def labels_unlearnable(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Nothing in the inputs tells the targets, or the targets of many samples are wrong: there is only noise to learn.

    Definition: (conflict) most samples come again with another target; (heart) the network learns half of the way on
    its training samples, and on validation samples neither it nor a simple learner, in no trial, answers better than a
    constant does, by more than chance; (chance) the targets of the nearest neighbours
    agree by less than `deviations` standard deviations of chance, and neither a simple learner nor the network, in no
    trial, gets further than the share `learnt` of the way from a constant answer to a perfect one; (noise) training
    samples agree with their neighbours by less than the share `noise` of how well a simple learner answers validation
    samples, and the network answers those better than the former by more than `above`.

    Looks like: validation stays at chance while the training loss stays at that of a constant, or falls by learning by
    heart.

    Causes: inputs shuffled without their targets; rows and labels out of step; labels of another file; a wrong join.

    Fixes, in order: look at ten samples with their targets; load both from one place; shuffle both by one order.

    Mistaken for: photos, where neighbours by pixels mean little, and a network that is broken: there, simple learners
    do well.

    Args:
        evidence: What is known.
        limits: `deviations` of chance; `learnt`: share of the way; `noise`: share of the score; `above`: of score.

    Returns:
        What speaks for it.

    Reference:
        Zhang et al., "Understanding deep learning requires rethinking generalization", 2017, section 2.
    """
    near, reference, reached = evidence.neighbours, evidence.reference, learnt(evidence)
    advice = (
        "Look at some samples beside their targets. Inputs and targets have to be shuffled and cut by the same order."
    )
    if near is not None and near.conflict_share > 0.5:
        return Suspicion(
            "conflict",
            f"{near.conflict_share:.0%} of the samples come again with another target: no network can answer both.",
            advice,
            {"conflict": near.conflict_share},
            "targets",
        )
    by_heart = _by_heart(evidence)
    if by_heart:
        return Suspicion(
            "heart",
            f"The network learns its training samples by heart ({by_heart['train']:.2f}), and validation samples are "
            f"answered no better than by always saying the same ({by_heart['valid']:.2f} at best, "
            f"{by_heart['constant']:.2f} without looking): the inputs do not tell the targets.",
            advice,
            by_heart,
            "targets",
        )
    if near is None or near.agreement is None or not near.chance or reference is None or reached is None:
        return None
    deviations = near.agreement / near.chance
    reached += max(0.0, evidence.best_gain or 0.0) / max(1e-9, 1 - reference.constant)
    possible = (reference.best - reference.constant) / max(1e-9, 1 - reference.constant)
    numbers = {"agreement": near.agreement, "deviations": deviations, "possible": possible, "learnt": reached}
    numbers |= {f"{name}_limit": value for name, value in limits.items()}
    if deviations < limits["deviations"] and max(possible, reached) < limits["learnt"]:
        return Suspicion(
            "chance",
            f"Samples that are alike have targets no more alike than by chance ({deviations:+.1f} deviations), and "
            "neither simple learners nor the network tell the targets from the inputs.",
            advice,
            numbers,
            "targets",
        )
    curves = evidence.watched
    if curves is None or curves.end is None or curves.train_end is None:
        return None
    above = curves.end - curves.train_end
    if near.agreement < limits["noise"] * possible and above > limits["above"]:
        return Suspicion(
            "noise",
            f"Training targets agree with those of their neighbours by {near.agreement:.2f}, while validation "
            f"targets can be told by {possible:.2f}, and the network scores {above:.2f} higher on these: many "
            "training targets are wrong.",
            advice,
            numbers | {"above": above},
            "targets",
        )
    return None


def _by_heart(evidence: Evidence) -> dict[str, float | None]:
    """The scores of a network that learnt its training samples and nothing that holds for others; else nothing."""
    curves, reference = evidence.watched, evidence.reference
    if curves is None or curves.cut or curves.end is None or curves.train_end is None or reference is None:
        return {}
    constant, trials = reference.constant, [trial.curves for trial in evidence.trials.values() if trial.curves]
    best = max([reference.best, curves.end, *(trial.end for trial in trials if trial.end is not None)])
    error = math.sqrt(max(constant, 0.1) * (1 - constant) / reference.num_valid)
    if not trials or best - constant > _CHANCE * error or curves.train_end - constant < _HEART * (1 - constant):
        return {}
    return {"train": curves.train_end, "valid": best, "constant": constant, "chance_limit": _CHANCE * error}
