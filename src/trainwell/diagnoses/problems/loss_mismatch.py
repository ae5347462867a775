"""The loss is for another task."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.head import expects, target
from trainwell.diagnoses.outcome import FRUITLESS, proven, shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part

_SUM = 1.5  # of loss of the doubled batch over loss of the batch: 1 for a mean, 2 for a sum
_CLASSES = ("binary", "plus_minus", "classes", "one_hot", "multi_label")
_SCALED = ("SGD", "ASGD")  # whose steps are as long as the gradient


@problems.add(
    "loss-mismatch",
    paper="https://www.deeplearningbook.org/contents/mlp.html",
    severity="error",
    explains=(*FRUITLESS, "label-out-of-range", "non-finite"),
    ranges={"proven": (0.005, 0.1), "shortfall": (0.02, 0.3), "summed": (0.02, 0.3)},
    signs=("values", "blind", "contrary", "signs", "absolute", "squared", "sum"),
)
def loss_mismatch(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """What the loss rewards is not what the targets ask for.

    Definition: one of these. (values) A loss for classes or probabilities on targets that are values. (blind) One of
    torch's losses that is the same whichever target belongs to which output. (contrary) A loss that is lower for wrong
    outputs than for right ones. (signs) A loss for labels of -1 and 1 on others: a label of 0 then counts for nothing.
    (absolute) Absolute errors on one-hot rows: the best constant answer is the median, which is 0 for every class.
    (squared) Squared errors on classes. (sum) A loss that is a sum over the batch under SGD, which multiplies the rate
    by the batch size. The last three speak only where the training ends by more than `shortfall` below what is
    possible, the sum where a lower rate or a mean ends better by `summed` or the training breaks; the others are notes
    where it ends within `proven` of what is possible.

    Looks like: a loss that is constant or falls below 0, or falls while the score does not rise.

    Causes: a loss left over from another task; targets encoded for another library.

    Fixes, in order: CrossEntropyLoss for class numbers, BCEWithLogitsLoss for labels of 0 and 1, MSELoss for values;
    reduction="mean".

    Mistaken for: squared errors that do well, as they often do on few classes; a sum with a rate to match.

    Args:
        evidence: What is known.
        limits: `proven`, `shortfall`, `summed`: of score.

    Returns:
        What speaks for it.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2.
    """
    said = _certain(evidence)
    if said is not None:
        harmless = proven(evidence, limits["proven"])
        return Suspicion(**{**vars(said), "severity": "note" if harmless else None})
    return _summed(evidence, limits) or _regressed(evidence, limits)


def _certain(evidence: Evidence) -> Suspicion | None:
    """What is wrong by the definition of the loss."""
    wanted, pairing, loss, takes = target(evidence), evidence.pairing, evidence.facts.loss, expects(evidence)
    if wanted is None or wanted.low is None or wanted.high is None:
        return None
    numbers = {"low": wanted.low, "high": wanted.high}
    outside = wanted.low < 0 or wanted.high > 1
    for_classes = takes in ("log_probabilities", "scores") and wanted.kind in ("real", "whole")
    for_classes = for_classes and (outside or len(wanted.means) == 1)  # rows of probabilities are welcome
    for_labels = takes in ("probabilities", "logits") and wanted.kind == "real" and outside
    if (for_classes and wanted.dtype.startswith(("float", "bfloat"))) or for_labels:
        return Suspicion(
            "values",
            f"{loss} is for classes, and the targets are values from {wanted.low:.3g} to {wanted.high:.3g}: its "
            "minimum is not where the outputs meet them.",
            "Take MSELoss, or HuberLoss where targets have outliers.",
            numbers,
            fixes=(Part("edits", "loss", {"to": "mse"}),),
        )
    if takes == "signs" and wanted.kind != "plus_minus" and evidence.facts.task == "classification":
        return Suspicion(
            "signs",
            f"{loss} takes labels of -1 and 1, and they go from {wanted.low:g} to {wanted.high:g}: a label of 0 counts "
            "for nothing, so that one class is never learnt.",
            "Take BCEWithLogitsLoss for labels of 0 and 1.",
            numbers,
            fixes=(Part("edits", "loss", {"to": "bce_with_logits"}),),
        )
    if pairing is None or pairing.favour is None or pairing.blowup > 1:
        return None
    if pairing.favour == 0 and takes:
        return Suspicion(
            "blind",
            f"{loss} is the same whichever target belongs to which output: there is nothing to be learnt from it.",
            "See that outputs and targets have the shapes that the loss is made for.",
            {"favour": pairing.favour, "right": pairing.right, "wrong": pairing.wrong},
            fixes=(Part("edits", "loss", {"to": _fitting(evidence)}),),
        )
    climbs = bool(evidence.facts.largest("maximize"))  # a likelihood is to be large
    if pairing.favour < 0 and not climbs and (takes or pairing.favour < -0.1):
        return Suspicion(
            "contrary",
            f"The loss is {pairing.right:.3g} for outputs that say what the targets say, and {pairing.wrong:.3g} for "
            "others: to minimise it is to answer wrongly.",
            "Look for a sign that was turned round.",
            {"favour": pairing.favour, "right": pairing.right, "wrong": pairing.wrong},
        )
    return None


def _summed(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """A sum over the batch, and steps too long for it."""
    pairing, facts, watched = evidence.pairing, evidence.facts, evidence.watched
    if pairing is None or pairing.doubled is None or pairing.doubled < _SUM or facts.batch_size < 2:
        return None
    gains = [gain for name in ("rate-/10", "rate-/100") if (gain := evidence.gain(name)) is not None]
    broke = watched is not None and watched.broke is not None
    if facts.optimizer not in _SCALED or not (broke or max(gains, default=0.0) > limits["summed"]):
        return None
    return Suspicion(
        "sum",
        f"The loss is a sum over the batch: with batches of {facts.batch_size} each step of {facts.optimizer} is that "
        "many times as long as that of a mean, and a shorter one does better.",
        'Take reduction="mean", which makes the rate independent of the batch size.',
        {"doubled": pairing.doubled, "gain": max(gains, default=None), "gain_limit": limits["summed"]},
        fixes=(Part("edits", "loss-reduction", {}),),
    )


def _regressed(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Classes learnt as values, badly."""
    wanted, missing, loss = target(evidence), shortfall(evidence), evidence.facts.loss
    if wanted is None or missing is None or missing <= limits["shortfall"] or expects(evidence) != "values":
        return None
    if evidence.facts.task != "classification" or wanted.kind not in _CLASSES or evidence.pairing is None:
        return None
    if evidence.pairing.broadcast is not None or (evidence.pairing.width == 1 and len(wanted.classes) > 2):
        return None
    absolute = loss.lower().replace("_", "").startswith("l1") and wanted.kind in ("one_hot", "multi_label")
    why = (
        "the best answer to an uncertain sample is 0 for every class"
        if absolute
        else "what is quite wrong gets little gradient behind a sigmoid, and what is more than right is punished"
    )
    return Suspicion(
        "absolute" if absolute else "squared",
        f"{loss} is for values, and the targets are classes: {why}. The training ends {missing:.3f} below what is "
        "possible.",
        "Take CrossEntropyLoss on the last layer's own outputs, or BCEWithLogitsLoss for labels of 0 and 1.",
        {"shortfall": missing, "shortfall_limit": limits["shortfall"]},
        fixes=(Part("edits", "loss", {"to": _fitting(evidence)}),),
    )


def _fitting(evidence: Evidence) -> str:
    """The loss that goes with the targets."""
    if evidence.facts.task == "regression":
        return "mse"
    one = evidence.pairing is not None and evidence.pairing.width == 1
    wanted = target(evidence)
    return "bce_with_logits" if one or (wanted is not None and wanted.kind == "multi_label") else "cross_entropy"
