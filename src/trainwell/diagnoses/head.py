"""Head: what makes the outputs, and what the loss expects of them. Asked by the rules on output, loss and labels."""

from dataclasses import replace
from typing import Literal

from trainwell.diagnoses.evidence import Evidence
from trainwell.probes.flow import Operation
from trainwell.probes.targets import Target

Expects = Literal["scores", "log_probabilities", "probabilities", "logits", "signs", "values", ""]

_EXPECTS: dict[str, Expects] = {
    "crossentropy": "scores",
    "multimargin": "scores",
    "nll": "log_probabilities",
    "kldiv": "log_probabilities",
    "bce": "probabilities",
    "binarycrossentropy": "probabilities",
    "bcewithlogits": "logits",
    "binarycrossentropywithlogits": "logits",
    "multilabelsoftmargin": "logits",
    "softmargin": "signs",
    "hingeembedding": "signs",
    "mse": "values",
    "l1": "values",
    "smoothl1": "values",
    "huber": "values",
}


def expects(evidence: Evidence) -> Expects:
    """What torch's loss of this name takes; empty for a loss that is not torch's.

    Returns:
        `scores`: one number a class, any size, and class numbers. `log_probabilities` and `probabilities`: these, of
        classes. `logits`: any number for each label of 0 and 1. `signs`: any number for labels of -1 and 1. `values`:
        what is to be met itself.
    """
    return _EXPECTS.get(evidence.facts.loss.lower().replace("_", "").removesuffix("loss"), "")


def ending(evidence: Evidence) -> Operation | None:
    """The operation that makes the first output, looking through what only lays it out; None where it was not seen."""
    if evidence.architecture is None:
        return None
    flow = evidence.architecture.flow()
    found = replace(flow, outputs=flow.outputs[:1]).last()
    return found[0] if len(found) == 1 else None


def bend(evidence: Evidence) -> Operation | None:
    """The activation behind the last layer; None without one."""
    op = ending(evidence)
    return op if op is not None and op.kind == "activation" else None


def target(evidence: Evidence) -> Target | None:
    """The first tensor of the targets."""
    return evidence.targets.parts[0] if evidence.targets is not None and evidence.targets.parts else None


def several(evidence: Evidence) -> int | None:
    """How many classes a single column of targets names, if it names classes: 3 or more; None otherwise.

    Whole numbers are taken for classes where the loss does so, too.
    """
    known = target(evidence)
    named = evidence.facts.task == "classification" or expects(evidence) in ("scores", "probabilities", "logits")
    if known is None or not named or known.kind not in ("classes", "whole"):
        return None
    return len(known.classes) if len(known.classes) > 2 else None
