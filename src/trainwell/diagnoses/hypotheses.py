"""Hypotheses: which edits might mend a program, the likeliest first, then what sound programs have in common.

An edit that a program has no need of refuses, and costs nothing; so the list may be the same for every program.
"""

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.judge import suspicions
from trainwell.edits.encoding import encoding_of, output_of
from trainwell.family import Part
from trainwell.probes.parts import Parts

Changes = tuple[Part, ...]

_HELPED = 0.02  # of score


def _edit(name: str, /, **args: object) -> Part:
    return Part("edits", name, args)


# What is wrong wherever it is found: promises between loss, targets, layers and optimizer that are not kept.
_CONTRACTS = (
    _edit("minimise"),
    _edit("impute"),
    _edit("labels-from-zero"),
    _edit("column-targets"),
    _edit("loss-reduction"),
    _edit("norm-defaults"),
    _edit("hold"),
)
_SCALES = (_edit("standardise-inputs"), _edit("standardise-targets"))
_ADAMW = _edit("optimizer", to="adamw", lr=1e-3)
_FAST = _edit("optimizer", to="adamw", lr=1e-2)
_LONGER = _edit("epochs", factor=3.0)
_RELU = _edit("activation", to="relu")
_LADDER: tuple[Changes, ...] = (
    (_ADAMW,),
    _SCALES,
    (_edit("initialise"),),
    (*_SCALES, _edit("initialise"), _ADAMW),
    (_edit("rate", factor=0.1),),
    (_edit("rate", factor=10.0),),
    (_RELU,),
    (_RELU, _ADAMW),
    (_edit("unfreeze"),),
    (_edit("nonlinearity"),),
    (_edit("norm"),),
    (_edit("widen"),),
    (_edit("widen", width=32),),
    (_edit("activation", to="elu"),),
    (_edit("bias"),),
    (_edit("no-dropout"),),
    (_edit("no-decay"),),
    (_edit("no-penalty"),),
    (_edit("batch-size", size=32),),
    (_edit("regularise"),),
    (_LONGER,),
)
# All of it at once: what holds the network back is taken off, and it starts in a way that serves most networks.
_FREED = (
    _edit("unfreeze"),
    _edit("nonlinearity"),
    *_SCALES,
    _edit("no-dropout"),
    _edit("no-decay"),
    _edit("no-penalty"),
)
_STARTS: tuple[Changes, ...] = (
    (_edit("initialise"), _ADAMW),
    (_edit("initialise"), _FAST),
    (_RELU, _ADAMW),
    (_RELU, _edit("norm"), _FAST),
    (_edit("initialise"), _FAST, _LONGER),
    (_RELU, _edit("norm"), _FAST, _LONGER),
)


def hypotheses(given: Parts, evidence: Evidence, diagnosis: Diagnosis) -> list[Changes]:
    """Edits to try, alone or several together, without repetition.

    First those that the findings name, in their order, then the trials of the evidence that helped, the one that helped
    most before the others; then those that mend a broken contract, alone and together; then what is good in general,
    one by one; at last all of it at once, of which what is not needed is taken back later.
    """
    spoken = suspicions(evidence)
    named = [problem for finding in diagnosis for problem in (finding, *finding.explains)]
    found: list[Changes] = [(fix,) for one in named if one.problem in spoken for fix in spoken[one.problem].fixes]
    gains = {name: evidence.gain(name) or 0.0 for name in evidence.trials}
    helped = sorted((name for name, gain in gains.items() if gain >= _HELPED), key=lambda name: -gains[name])
    found += [tuple(_part(change) for change in evidence.trials[name].edits) for name in helped]
    head = fitting(given)
    found += [head, *((each,) for each in _CONTRACTS), (*_CONTRACTS, *head), *_LADDER]
    found += [(*_CONTRACTS, *head, *_FREED, *rest) for rest in _STARTS]
    return [changes for place, changes in enumerate(found) if changes and changes not in found[:place]]


def fitting(given: Parts) -> Changes:
    """The last layer and loss that task and targets want.

    Cross entropy, for two classes and one output its binary form; the squared error for values.
    """
    if given.task == "regression":
        return (_edit("output-width"), _edit("loss", to="mse"))
    output, classes = output_of(given), encoding_of(given)
    if classes is None or output is None:
        return ()
    if classes.num_classes <= 2 and output[0].numel() == 1:
        return (_edit("loss", to="bce_with_logits"),)
    return (_edit("output-width"), _edit("loss", to="cross_entropy"))


def _part(change: dict[str, object]) -> Part:
    return Part("edits", str(change["edit"]), {name: value for name, value in change.items() if name != "edit"})
