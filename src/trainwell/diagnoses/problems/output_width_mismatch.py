"""The outputs are not as many as the targets need."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.head import expects, several
from trainwell.diagnoses.outcome import FRUITLESS, proven, shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "output-width-mismatch",
    paper="https://www.deeplearningbook.org/contents/mlp.html",
    severity="error",
    explains=(*FRUITLESS, "label-out-of-range", "loss-mismatch", "non-finite"),
    ranges={"proven": (0.005, 0.1), "shortfall": (0.02, 0.3)},
    signs=("pairs", "one-score", "one-label", "one-number"),
)
def output_width_mismatch(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Output and target do not lie side by side: too few outputs for the classes, or every output against every target.

    Definition: one of these. (pairs) Output and target have different shapes that broadcast to more elements than there
    are targets, as (N, 1) and (N,) do to (N, N): each output is compared with all targets. (one-score) A loss over the
    scores of all classes that gets a single one: its softmax is 1, its loss 0. (one-label) A loss for labels of 0 and 1
    with one output and three classes or more. (one-number) Class numbers fitted by a single number, which makes class 5
    lie between 4 and 6; only where the training ends by more than `shortfall` below what is possible. The others are
    notes where it ends within `proven` of that.

    Looks like: a loss that is 0 or constant; outputs that all become the mean of the targets.

    Causes: a last layer of one unit kept from a binary task; targets without the axis that the outputs have.

    Fixes, in order: give targets and outputs one shape; one output for each class with CrossEntropyLoss.

    Mistaken for: an ordered scale (ratings), which one number can well say.

    Args:
        evidence: What is known.
        limits: `proven`, `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2.
    """
    said = _certain(evidence)
    if said is not None:
        harmless = proven(evidence, limits["proven"])
        return Suspicion(**{**vars(said), "severity": "note" if harmless else None})
    pairing, classes, missing = evidence.pairing, several(evidence), shortfall(evidence)
    if pairing is None or pairing.width > 1 or classes is None or expects(evidence) != "values":
        return None
    if missing is None or missing <= limits["shortfall"]:
        return None
    return Suspicion(
        "one-number",
        f"A single output is to meet the numbers of {classes} classes: it takes class numbers for sizes, and the "
        f"training ends {missing:.3f} below what is possible.",
        f"Give the last layer {classes} outputs, and take CrossEntropyLoss.",
        {"width": pairing.width, "classes": classes, "shortfall": missing, "shortfall_limit": limits["shortfall"]},
        fixes=(Part("edits", "output-width", {}), Part("edits", "loss", {"to": "cross_entropy"})),
    )


def _certain(evidence: Evidence) -> Suspicion | None:
    pairing, facts, takes, classes = evidence.pairing, evidence.facts, expects(evidence), several(evidence)
    if pairing is None:
        return None
    one = pairing.width == 1 and len(pairing.output_shape) <= 2
    if pairing.blowup > 1 and (takes in ("values", "signs") or pairing.favour == 0):
        assert pairing.broadcast is not None
        return Suspicion(
            "pairs",
            f"Outputs of shape {_shown(pairing.output_shape)} against targets of shape {_shown(pairing.target_shape)} "
            f"broadcast to {_shown(pairing.broadcast)}: every output is compared with every target, and the best "
            "answer to all samples is the mean.",
            "Give both the same shape: targets.unsqueeze(1), or outputs.squeeze(1).",
            {"blowup": pairing.blowup},
            fixes=(Part("edits", "column-targets", {}),),
        )
    if one and takes in ("scores", "log_probabilities") and facts.task == "classification":
        return Suspicion(
            "one-score",
            f"{facts.loss} takes one score for each class and gets a single one: whatever it is, it counts as certain, "
            "and there is no gradient.",
            "Give the last layer an output for each class; or keep one and take BCEWithLogitsLoss for two classes.",
            {"width": pairing.width},
            fixes=(_bits(classes), Part("edits", "output-width", {})),
        )
    if one and takes in ("probabilities", "logits", "signs") and classes is not None:
        return Suspicion(
            "one-label",
            f"{facts.loss} with one output tells two classes apart, and there are {classes}.",
            f"Give the last layer {classes} outputs, and take CrossEntropyLoss.",
            {"width": pairing.width, "classes": classes},
            fixes=(Part("edits", "output-width", {}), Part("edits", "loss", {"to": "cross_entropy"})),
        )
    return None


def _bits(classes: int | None) -> Part:
    return Part("edits", "loss", {"to": "bce_with_logits" if classes is None else "cross_entropy"})


def _shown(shape: tuple[int, ...]) -> str:
    return str(tuple(shape)).replace(" ", "").replace(",", ", ").replace(", )", ",)")
