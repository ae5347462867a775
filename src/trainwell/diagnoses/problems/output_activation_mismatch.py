"""What the network ends with is not what its loss takes."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.head import bend, ending, expects, target
from trainwell.diagnoses.outcome import FRUITLESS, proven, shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part
from trainwell.probes.flow import PASSIVE, Kind, Operation

_SOFTMAX = ("softmax", "softmin", "log_softmax")
_LOW = {"relu": 0.0, "relu6": 0.0, "softplus": 0.0, "sigmoid": 0.0, "hardsigmoid": 0.0, "softmax": 0.0, "tanh": -1.0}
_BENT = (*_LOW, "hardtanh", "softsign", "log_softmax", "log_sigmoid")  # what leaves little of a logit
_LOW |= {"hardtanh": -1.0, "softsign": -1.0, "elu": -1.0, "celu": -1.0, "selu": -1.76, "gelu": -0.17, "swish": -0.28}
_LOW |= {"mish": -0.31, "hard_swish": -0.375}
_HIGH = {
    "relu6": 6.0,
    "sigmoid": 1.0,
    "hardsigmoid": 1.0,
    "softmax": 1.0,
    "tanh": 1.0,
    "hardtanh": 1.0,
    "softsign": 1.0,
}
_HIGH |= {"log_sigmoid": 0.0, "log_softmax": 0.0}
_MADE = ("sigmoid", "softmax", "log_softmax", "log_sigmoid")  # what makes probabilities of logits
_WANTED = {"log_probabilities": "log_softmax", "probabilities": "sigmoid"}  # behind the last layer, by the loss


@problems.add(
    "output-activation-mismatch",
    paper="https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
    severity="error",
    explains=FRUITLESS,
    ranges={"beyond": (0.02, 1.0), "proven": (0.005, 0.1), "shortfall": (0.02, 0.3)},
    signs=("one-unit", "twice", "no-logarithm", "bounded", "bent", "hidden"),
)
def output_activation_mismatch(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """The last activation, or the want of one, makes of the outputs what the loss does not expect.

    Definition: one of these. (one-unit) A softmax over a single output, which is 1 for every sample. (twice) Softmax or
    sigmoid in front of a loss that makes probabilities itself: of C probabilities a second softmax makes none above
    e / (e + C - 1). (no-logarithm) NLLLoss on numbers whose exponentials do not sum to 1: it falls without end, or is
    flat. (bounded) A last activation beyond whose range targets lie by more than `beyond` of their spread, or a softmax
    for targets that do not sum to 1. (bent) ReLU or another bend on logits, be it in front of a sigmoid or softmax of
    one's own. (hidden) Softmax as an activation between layers. The softmax of the third and the last two speak only
    where the training ends by more than `shortfall` below what is possible; all are notes where it ends within `proven`
    of that.

    Looks like: the loss levels off far above 0, or is constant; the scores rise slowly and stop.

    Causes: code brought over from a library whose losses take probabilities; a head written for another task.

    Fixes, in order: leave the last activation out of the network; take the loss that goes with it.

    Mistaken for: a learning rate that is too low, since a second softmax makes gradients small.

    Args:
        evidence: What is known.
        limits: `beyond`: share of the spread of the targets; `proven`, `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        PyTorch, `torch.nn.CrossEntropyLoss`: "The input is expected to contain the unnormalized logits for each class".
    """
    said = _certain(evidence) or _bounded(evidence, limits)
    if said is not None:
        harmless = proven(evidence, limits["proven"])
        return Suspicion(**{**vars(said), "severity": "note" if harmless else None})
    missing = shortfall(evidence)
    if missing is None or missing <= limits["shortfall"]:
        return None
    numbers = {"shortfall": missing, "shortfall_limit": limits["shortfall"]}
    squeezed = _squeezed(evidence)
    if squeezed is not None:
        return Suspicion(
            "bent",
            f"{squeezed.id} lies behind the last layer, where any number is to pass: what is cut off or squeezed there "
            f"gets little gradient, and the training ends {missing:.3f} below what is possible.",
            "Leave that activation out of the network.",
            numbers,
            where=squeezed.name,
            fixes=(Part("edits", "output-activation", {"to": _WANTED.get(expects(evidence), "none")}),),
        )
    last, wanted = bend(evidence), target(evidence)
    summed = last is not None and last.id in _SOFTMAX and expects(evidence) == "values"
    if last is not None and summed and wanted is not None and wanted.kind not in ("distribution", "one_hot"):
        return Suspicion(
            "bounded",
            f"The network ends with {last.id}, whose outputs sum to 1 for every sample; the targets are values that do "
            f"not, and the training ends {missing:.3f} below what is possible.",
            "Leave the last activation out of the network.",
            numbers,
            where=last.name,
            fixes=(Part("edits", "output-activation", {"to": "none"}),),
        )
    inside = _between(evidence)
    if inside:
        return Suspicion(
            "hidden",
            f"Softmax lies between layers ({inside[0]}): its units share a sum of 1, so that each says 1 / width and "
            f"little else, and the training ends {missing:.3f} below what is possible.",
            "Softmax belongs behind the last layer, if anywhere: take ReLU between the layers.",
            numbers,
            where=inside[0],
            fixes=(Part("edits", "activation", {"to": "relu"}),),
        )
    return None


def _certain(evidence: Evidence) -> Suspicion | None:
    """What is wrong by the definition of the loss."""
    last, pairing, loss = bend(evidence), evidence.pairing, evidence.facts.loss
    takes = expects(evidence)
    where = last.name if last is not None else ""
    out = (Part("edits", "output-activation", {"to": _WANTED.get(takes, "none")}),)
    if pairing is None:
        return None
    single = pairing.width == 1 and len(pairing.output_shape) <= 2
    if last is not None and last.id in _SOFTMAX and single and _flat(evidence):
        return Suspicion(
            "one-unit",
            f"The network ends with {last.id} over a single output, which is the same for every input: nothing can be "
            "learnt through it.",
            "Take a sigmoid for a single output, or leave it out and take BCEWithLogitsLoss; for several classes give "
            "the last layer one output each.",
            {"width": 1},
            where=where,
            fixes=out,
        )
    kind = pairing.output_kind
    if takes == "log_probabilities" and pairing.width > 1 and kind != "log_probabilities":
        return Suspicion(
            "no-logarithm",
            f"{loss} takes logarithms of probabilities, and the outputs are "
            f"{'probabilities' if kind == 'probabilities' else 'none'}: the loss is no likelihood, and rewards large "
            "outputs.",
            "Take CrossEntropyLoss on the last layer's own outputs, or end with log_softmax.",
            {"low": pairing.output_low, "high": pairing.output_high},
            where=where,
            fixes=out,
        )
    probable = kind == "probabilities" or (kind == "unit" and last is not None and last.id in ("softmax", "sigmoid"))
    logged = last is not None and last.id == "log_sigmoid"
    if takes in ("scores", "logits", "signs") and pairing.width + (takes != "scores") > 1 and (probable or logged):
        made = "log_sigmoid" if logged else "probabilities"
        name = last.id if last is not None and last.kind == "activation" else made
        return Suspicion(
            "twice",
            f"The outputs have passed through {name} before {loss}, which takes the last layer's own numbers: pressed "
            "together once more, no sample can be answered with confidence, and gradients are small.",
            "Leave the last activation out of the network; apply it after training where probabilities are wanted.",
            {"low": pairing.output_low, "high": pairing.output_high},
            where=where,
            fixes=out,
        )
    return None


def _flat(evidence: Evidence) -> bool:
    """Whether all samples get the same output, before training."""
    return evidence.outputs is None or evidence.outputs.evaluation.spread <= 1e-6 * evidence.outputs.evaluation.scale


def _bounded(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Targets beyond the range of the last activation."""
    last, wanted = bend(evidence), target(evidence)
    if last is None or wanted is None or wanted.low is None or wanted.high is None or expects(evidence) != "values":
        return None
    spreads = [spread for spread in wanted.spreads if spread]
    if not spreads:
        return None
    below = (_LOW[last.id] - wanted.low) / max(spreads) if last.id in _LOW else 0.0
    above = (wanted.high - _HIGH[last.id]) / max(spreads) if last.id in _HIGH else 0.0
    if max(below, above) <= limits["beyond"]:
        return None
    side = f"down to {wanted.low:.3g}" if below >= above else f"up to {wanted.high:.3g}"
    return Suspicion(
        "bounded",
        f"The network ends with {last.id}, and targets reach {side}, {max(below, above):.2g} spreads beyond what it "
        "can give: those samples can never be met.",
        "Leave the last activation out of the network, or bring the targets into its range.",
        {"beyond": max(below, above), "beyond_limit": limits["beyond"], "low": wanted.low, "high": wanted.high},
        where=last.name,
        fixes=(Part("edits", "output-activation", {"to": "none"}),),
    )


def _squeezed(evidence: Evidence) -> Operation | None:
    """An activation behind the last layer where logits are to pass: to the loss, or to what makes probabilities."""
    last, takes = bend(evidence), expects(evidence)
    if last is None or evidence.architecture is None:
        return None
    if takes in ("scores", "logits", "signs") and last.id in _BENT:
        return None if last.id == "log_softmax" and takes == "scores" else last
    before = evidence.architecture.flow().before(last, PASSIVE | {"dropout"}) if last.id in _MADE else []
    return before[0] if before and before[0].kind == "activation" and before[0].id in _BENT else None


def _between(evidence: Evidence) -> list[str]:
    """Softmax between layers whose result is no weight of a sum, as it is in attention and in gates."""
    if evidence.architecture is None:
        return []
    flow, last = evidence.architecture.flow(), ending(evidence)
    found = [
        op
        for op in flow.of("activation")
        if op.id in _SOFTMAX and op is not last and flow.comes_from_layer(op) and flow.leads_on(op)
    ]
    through: frozenset[Kind] = PASSIVE | {"dropout", "scale"}
    return [op.name for op in found if all(reader.kind in ("layer", "norm") for reader in flow.behind(op, through))]
