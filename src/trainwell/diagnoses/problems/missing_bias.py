"""A network that has to give 0 for 0."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.head import target
from trainwell.diagnoses.outcome import doubtful, proven
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part

_SUMS = ("add", "iadd", "radd", "sub", "isub", "rsub")


@problems.add(
    "missing-bias",
    paper="https://www.deeplearningbook.org/contents/ml.html",
    severity="error",
    explains=(
        "cannot-overfit-batch",
        "initial-loss-off",
        "input-not-centred",
        "learning-rate-too-low",
        "learning-rate-too-high",
        "loss-not-decreasing",
        "optimizer-unsuited",
        "too-few-epochs",
        "underfitting",
    ),
    ranges={"centre": (0.2, 3.0), "proven": (0.005, 0.1), "shortfall": (0.02, 0.3)},
    signs=("targets", "inputs"),
)
def missing_bias(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Without a bias anywhere the answer to inputs of 0 is fixed, and what is off centre can only be met by a detour.

    Definition: no layer and no norm adds a bias, and (targets) values to predict have a mean of more than `centre` of
    their spreads, or (inputs) features have; and the training ends by more than `shortfall` below what is possible, or
    was cut short.

    Looks like: a regression that is off by the same amount everywhere; a line that turns about the origin.

    Causes: `bias=False` copied from layers in front of a batch norm.

    Fixes, in order: a bias in the last layer; centred targets and inputs.

    Mistaken for: layers in front of a norm, which brings its own bias.

    Args:
        evidence: What is known.
        limits: `centre`: in spreads; `proven`, `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 5.1.4.
    """
    graph, wanted = evidence.architecture, target(evidence)
    if graph is None or graph.flow().gaps or any(layer.has_bias for layer in graph.layers):
        return None
    if not graph.flow().heads or any(layer.kind == "scale" and layer.id in _SUMS for layer in graph.layers):
        return None
    if proven(evidence, limits["proven"]) or not doubtful(evidence, limits["shortfall"]):
        return None
    fixes = (Part("edits", "bias", {}),)
    where = graph.flow().heads[-1].name
    centre = wanted.centre if wanted is not None and evidence.facts.task == "regression" else None
    if centre is not None and centre > limits["centre"]:
        return Suspicion(
            "targets",
            f"Nothing in the network adds a bias, and the mean of the targets is {centre:.2g} of their spreads: for "
            "inputs of 0 it can only answer with a fixed number.",
            "Give the last layer a bias.",
            {"centre": centre, "centre_limit": limits["centre"]},
            where=where,
            fixes=fixes,
        )
    offsets = [part.centre for part in evidence.inputs.parts if part.centre is not None] if evidence.inputs else []
    if not offsets or max(offsets) <= limits["centre"]:
        return None
    return Suspicion(
        "inputs",
        f"Nothing in the network adds a bias, and the means of the features are {max(offsets):.2g} of their spreads: "
        "what divides the samples has to go through the origin, where there are none.",
        "Give the layers biases, and centre the inputs.",
        {"centre": max(offsets), "centre_limit": limits["centre"]},
        where=where,
        fixes=fixes,
    )
