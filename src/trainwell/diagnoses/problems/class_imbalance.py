"""Classes of which there are too few samples beside the others."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.head import target
from trainwell.diagnoses.outcome import learnt, proven
from trainwell.diagnoses.problems import Limits, Suspicion, problems

_CHANCE = 3.0  # standard errors beyond which other shares are no chance


@problems.add(
    "class-imbalance",
    paper="https://arxiv.org/abs/1710.05381",
    severity="warning",
    explains=(
        "labels-unlearnable",
        "learning-rate-too-low",
        "loss-not-decreasing",
        "overfitting",
        "too-few-epochs",
        "underfitting",
    ),
    ranges={
        "evenness": (0.3, 0.95),
        "shift": (0.1, 1.5),
        "learnt": (0.02, 0.6),
        "recall": (0.05, 0.6),
        "proven": (0.005, 0.1),
    },
    signs=("shift", "commonest"),
)
def class_imbalance(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Rare classes weigh so little in the loss that answering with the common ones is nearly as good.

    Definition: the entropy of the class shares is under `evenness` of that of even ones, the loss has no weights, and
    (shift) the validation samples have other shares, by more than `shift` of the spread of a class's indicator, and by
    more than chance; or (commonest) the network has learnt less than `learnt` of what lies above always answering with
    the commonest class, and a simple learner recalls less than `recall` of its worst class. Where the training ends
    within `proven` of what is possible the first is silent, and the second a note.

    Looks like: a score at the share of the commonest class; rare classes are never answered.

    Causes: samples as they came; a class that was lost when the data was put together.

    Fixes, in order: weights in the loss, or samples drawn by class; more samples of the rare classes.

    Mistaken for: classes that are uneven and still well told apart.

    Args:
        evidence: What is known.
        limits: `evenness`, `learnt`, `recall`: shares; `shift`: in spreads; `proven`: of score.

    Returns:
        What speaks for it.

    Reference:
        Buda, Maki, Mazurowski, "A systematic study of the class imbalance problem", 2018.
    """
    wanted, facts = target(evidence), evidence.facts
    if wanted is None or wanted.evenness is None or facts.task != "classification":
        return None
    if "has_weight" in facts.loss_settings or "has_pos_weight" in facts.loss_settings:
        return None
    harmless = proven(evidence, limits["proven"])
    if wanted.evenness >= limits["evenness"] or wanted.majority is None or wanted.kind == "multi_label":
        return None
    numbers = {"evenness": wanted.evenness, "evenness_limit": limits["evenness"], "majority": wanted.majority}
    shares = f"The commonest class has {wanted.majority:.0%} of the training samples"
    between = evidence.shift.targets if evidence.shift is not None else None
    moved = between.shift if between is not None and (between.against_chance or 0.0) > _CHANCE else None
    if moved is not None and moved > limits["shift"] and not harmless:
        return Suspicion(
            "shift",
            f"{shares}, and other shares hold among the validation samples: what is rare here is common there, and "
            "hardly learnt.",
            "Weight the classes in the loss, or draw samples by class; better, get more of the rare ones.",
            numbers | {"shift": moved, "shift_limit": limits["shift"]},
        )
    above = learnt(evidence)
    recall = evidence.reference.least_class if evidence.reference is not None else None
    if above is None or above >= limits["learnt"] or recall is None or recall >= limits["recall"]:
        return None
    return Suspicion(
        "commonest",
        f"{shares}, and the network does little more than to answer with it: rare classes weigh next to nothing in the "
        "loss.",
        "Weight the classes in the loss, or draw samples by class.",
        numbers | {"learnt": above, "learnt_limit": limits["learnt"], "recall": recall},
        severity="note" if harmless else None,
    )
