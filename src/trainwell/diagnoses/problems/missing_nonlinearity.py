"""Layers with nothing but straight lines between them."""

from trainwell.diagnoses.evidence import Architecture, Evidence
from trainwell.diagnoses.outcome import proven, shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part
from trainwell.probes.flow import UNSEEN, Flow, Operation

_AVERAGE = ("avg", "mean")  # poolings that are straight
_STRAIGHT = frozenset({"shape", "dropout", "scale", "add", "join"})


@problems.add(
    "missing-nonlinearity",
    paper="https://www.deeplearningbook.org/contents/mlp.html",
    severity="error",
    explains=(
        "cannot-overfit-batch",
        "loss-not-decreasing",
        "underfitting",
        "learning-rate-too-low",
        "learning-rate-too-high",
        "optimizer-unsuited",
        "too-few-epochs",
    ),
    ranges={"curved": (0.02, 0.3), "proven": (0.005, 0.1), "shortfall": (0.02, 0.3), "share": (0.3, 0.9)},
    signs=("none", "some"),
)
def missing_nonlinearity(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Linear layers upon each other are one linear layer: depth without activations adds nothing.

    Definition: no operation that bends (activation, max pooling, a product, a norm over features) lies between the
    layers, and the samples ask for one: learners that bend score above a linear one by more than `curved`, or the
    training ends by more than `shortfall` below what is possible. Or that is so behind the share `share` of the layers,
    bottlenecks and depthwise convolutions left aside, and the training ends by `shortfall` below.

    Looks like: training and validation score level off where a linear model does.

    Causes: activations forgotten; `activation=None` left as it came; a module made in `__init__` and never called.

    Fixes, in order: ReLU behind every layer but the last.

    Mistaken for: linear models that are meant, as a low-rank head is; data that a line divides.

    Args:
        evidence: What is known.
        limits: `curved`, `proven`, `shortfall`: of score; `share`: of the layers.

    Returns:
        What speaks for it.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.1.
    """
    graph, reference = evidence.architecture, evidence.reference
    if graph is None or proven(evidence, limits["proven"]):
        return None
    flow = graph.flow()
    if flow.gaps or not flow.hidden:
        return None
    bent = [op for op in flow.operations if _bends(op) and flow.comes_from_layer(op) and flow.leads_on(op)]
    missing = shortfall(evidence)
    fixes = (Part("edits", "nonlinearity", {}),)
    if not bent and all(op.kind == "layer" for op in flow.hidden):
        curved = None if reference is None else max(reference.neighbours, reference.forest) - reference.linear
        asked = (curved is not None and curved > limits["curved"]) or (missing or 0.0) > limits["shortfall"]
        if not asked:
            return None
        return Suspicion(
            "none",
            f"Nothing bends between the {len(flow.hidden) + 1} layers: together they are one linear layer, and on "
            "these samples more is possible.",
            "Put an activation such as ReLU behind every layer but the last.",
            {"curved": curved, "curved_limit": limits["curved"], "shortfall": missing},
            where=flow.hidden[0].name,
            fixes=fixes,
        )
    plain = _plain(flow, graph)
    counted = [op for op in flow.hidden if op.kind == "layer"]
    share = len(plain) / len(counted) if counted else 0.0
    if missing is None or missing <= limits["shortfall"] or share < limits["share"]:
        return None
    return Suspicion(
        "some",
        f"Behind {len(plain)} of {len(counted)} layers nothing bends before the next one ({plain[0].name} is the "
        f"first): such pairs are one linear layer. The training ends {missing:.3f} below what is possible.",
        "Put an activation such as ReLU behind every layer but the last.",
        {"share": share, "share_limit": limits["share"], "shortfall": missing},
        where=plain[0].name,
        fixes=fixes,
    )


def _bends(op: Operation) -> bool:
    """Whether the operation is something else than a straight line, as far as is known."""
    if op.kind == "pool":
        return not any(word in op.id for word in _AVERAGE)
    if op.kind == "norm":
        return op.id != "batch"  # behind training a fixed scale and shift
    return op.kind not in _STRAIGHT and op.kind != "layer"


def _plain(flow: Flow, graph: Architecture) -> list[Operation]:
    """Layers whose result comes to another layer unbent, and that are not meant to be a factor of it."""
    found = []
    for op in flow.hidden:
        shape = graph.layers[op.number].shape
        if op.kind != "layer" or len(shape) < 2 or UNSEEN in op.inputs:
            continue
        readers = [further for further in _straight_behind(flow, op) if further.kind == "layer"]
        wider = [graph.layers[further.number].shape for further in readers]
        narrow = shape[0] < shape[1] and any(len(other) > 1 and other[0] > shape[0] for other in wider)
        depthwise = len(shape) > 2 and (shape[1] == 1 or any(len(other) > 2 and other[1] == 1 for other in wider))
        if readers and not narrow and not depthwise:
            found.append(op)
    return found


def _straight_behind(flow: Flow, op: Operation) -> list[Operation]:
    """What reads the operation, looking through all that does not bend."""
    waiting, met, found = flow.behind(op), {op.number}, []
    while waiting:
        further = waiting.pop()
        if further.number in met:
            continue
        met.add(further.number)
        # What is added to another branch stays in the sum beside it: so a residual network hands on its inputs.
        if further.kind in ("layer", "add") or _bends(further):
            found.append(further)
        else:
            waiting += flow.behind(further)
    return found
