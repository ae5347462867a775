"""Labels that the loss or the last activation does not know."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.head import bend, expects, target
from trainwell.diagnoses.outcome import FRUITLESS, proven
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "label-out-of-range",
    paper="https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
    severity="error",
    explains=(*FRUITLESS, "non-finite"),
    ranges={"proven": (0.005, 0.1)},
    signs=("labels", "numbers", "activation"),
)
def label_out_of_range(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Targets lie outside of what the loss is defined for, so that it has no minimum where the answers are right.

    Definition: (labels) targets below 0 or above 1 under a loss for labels of 0 and 1; (numbers) class numbers under 0,
    or as high as the number of outputs or higher; (activation) two classes that are not 0 and 1 in front of a sigmoid
    with a loss for values. A note where the training ends within `proven` of what is possible.

    Looks like: a loss that falls below 0 and on, or an index error.

    Causes: labels counted from 1; labels of -1 and 1, or of 0 and 255; a class left out when outputs were counted.

    Fixes, in order: count labels from 0; one more output.

    Mistaken for: -100, which torch's losses pass over by agreement; it is not counted here.

    Args:
        evidence: What is known.
        limits: `proven`: of score.

    Returns:
        What speaks for it.

    Reference:
        PyTorch, `torch.nn.BCEWithLogitsLoss`: "the targets should be numbers between 0 and 1".
    """
    wanted, pairing, takes, loss = target(evidence), evidence.pairing, expects(evidence), evidence.facts.loss
    if wanted is None or wanted.low is None or wanted.high is None:
        return None
    reach = f"labels go from {wanted.low:g} to {wanted.high:g}"
    numbers = {"low": wanted.low, "high": wanted.high}
    harmless = proven(evidence, limits["proven"])
    fixes = (Part("edits", "labels-from-zero", {}),)
    outside = wanted.low < 0 or wanted.high > 1
    last = bend(evidence)
    if takes in ("probabilities", "logits") and outside:
        return Suspicion(
            "labels",
            f"{loss} takes labels from 0 to 1, and {reach}: the loss has no minimum, and outputs run off to one side.",
            "Make them 0 and 1.",
            numbers,
            fixes=fixes,
            severity="note" if harmless else None,
        )
    whole = wanted.kind in ("binary", "classes", "whole", "plus_minus") and not wanted.dtype.startswith("float")
    if takes in ("scores", "log_probabilities") and whole and pairing is not None and pairing.outside:
        return Suspicion(
            "numbers",
            f"{loss} takes class numbers from 0 to {pairing.width - 1}, one for each output, and {reach}.",
            "Count classes from 0, and give the last layer an output for each.",
            numbers | {"outside": pairing.outside, "width": pairing.width},
            fixes=fixes,
        )
    two = len(wanted.classes) == 2 and evidence.facts.task == "classification"
    if takes == "values" and two and outside and last is not None and last.id in ("sigmoid", "softmax"):
        return Suspicion(
            "activation",
            f"The network ends with {last.id}, which gives numbers from 0 to 1, and {reach}: one class can never be "
            "met.",
            "Make the labels 0 and 1.",
            numbers,
            where=last.name,
            fixes=fixes,
            severity="note" if harmless else None,
        )
    return None
