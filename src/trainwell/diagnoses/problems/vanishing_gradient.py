"""Gradients that do not reach the first layers."""

from trainwell.activations import activations
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.diagnoses.start import narrowest
from trainwell.edits import edits

_FEW = 4  # units: through fewer, next to no gradient comes whatever the weights; what is wrong there is the width


@problems.add(
    "vanishing-gradient",
    paper="https://proceedings.mlr.press/v9/glorot10a.html",
    severity="error",
    explains=(
        "learning-rate-too-low",
        "loss-not-decreasing",
        "underfitting",
        "too-few-epochs",
        "cannot-overfit-batch",
        "optimizer-unsuited",
    ),
    ranges={
        "pull": (1e-4, 0.1),
        "ratio": (1e-6, 0.03),
        "watched": (3e-5, 3e-4),
        "weak": (1e-3, 0.1),
        "places": (20.0, 100.0),
        "shortfall": (0.05, 0.4),
    },
    signs=("slope", "weights", "recurrent", "watched"),
)
def vanishing_gradient(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Each layer passes on only a part of the gradient, so that the first ones learn nothing, and the last from noise.

    Definition: before training (slope) a relative change of the first layer's weights changes the loss by less than
    the share `pull` of what one of the last layer's does, and what lies between is flat on both sides, so that its
    slopes shorten the gradient (by 1/4 a layer for sigmoid); or (weights) the gradient at the first layer's result is
    under the share `ratio` of that at the last one's, as root mean squares, and a relative change of any weight
    changes the loss by less than `weak` times as much; or (recurrent) a plain recurrent layer runs over more than
    `places` places; or (watched) in somebody's own loop, where nothing was probed, the gradient of the first weight
    over its size is under `watched` times that of the last one, as the median of all looks. And the training ends by
    `shortfall` below what is possible.

    Looks like: the loss sits at that of a constant answer for a long time, or for good; outputs are alike for all
    samples.

    Causes: sigmoid or softmax between many layers; weights that are too small; a plain RNN over a long sequence.

    Fixes, in order: ReLU or its kin between the layers; a start made for the activation; batch norm; skip connections;
    LSTM or GRU instead of a plain RNN.

    Mistaken for: a rate too low, and for gradients that are small because the loss is.

    Args:
        evidence: What is known.
        limits: `pull`, `ratio`: shares, fitted between what shallow nets that learn have and 1/4 a layer; `watched`: a
            share, some seven layers of 1/4; `weak`: of the loss; `places`: steps of the sequence; `shortfall`: of
            score.

    Returns:
        What speaks for it.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 4.
    """
    short = shortfall(evidence)
    if short is None or short <= limits["shortfall"]:
        return None
    if evidence.signal is None:
        return _watched(evidence, limits["watched"], short)
    if evidence.architecture is None:
        return None
    numbers = {"shortfall": short, "shortfall_limit": limits["shortfall"]}
    flow = evidence.architecture.flow()
    plain = [op for op in flow.of("recurrent") if op.id in ("rnn", "rnncell")]
    places = _places(evidence) if plain else 0
    if places > limits["places"]:
        return Suspicion(
            "recurrent",
            f"A plain recurrent layer runs over {places} places: its gradient is multiplied by one matrix that "
            "often, and what lies far back is forgotten.",
            "Use an LSTM or a GRU, or shorten the sequence: several values a place, or a convolution before it.",
            numbers | {"places": places, "places_limit": limits["places"]},
            plain[0].name,
        )
    narrow = narrowest(evidence.architecture)
    if narrow is None or narrow < _FEW:
        return None
    first = flow.hidden[0].name
    between = [op for op in flow.of("activation") if flow.leads_on(op) and flow.comes_from_layer(op)]
    flat = [op for op in between if op.id in activations and activations[op.id].facts.get("saturates") == "both"]
    pull = evidence.signal.pull_ratio
    if flat and pull is not None and pull < limits["pull"]:
        which = flat[0].id
        return Suspicion(
            "slope",
            f"Before training the first layer moves the loss {pull:.1g} times as much as the last: it does not "
            f"learn. Each of {len(flat)} {which} shortens the gradient by its slope, which is flat on both sides.",
            f"Put ReLU in the place of {which}, with He's start; or batch norm before each.",
            numbers | {"pull": pull, "pull_limit": limits["pull"], "activations": len(flat)},
            first,
            (edits.part("activation", to="relu"), edits.part("norm")),
        )
    ratio = evidence.signal.gradient_ratio
    pulls = [weight.pull for weight in evidence.signal.weights if len(weight.shape) > 1 and weight.pull is not None]
    strongest = max(pulls, default=None)  # a bias of the last layer is reached by any gradient
    if ratio is None or strongest is None or ratio >= limits["ratio"] or strongest >= limits["weak"]:
        return None
    return Suspicion(
        "weights",
        f"Before training the gradient at the first layer is {ratio:.1g} times that at the last, and 1 % more of a "
        f"weight changes the loss by {strongest:.1g} % at most: weights and what lies between them pass on too "
        "little.",
        "Start the weights by the rule that the activation wants (He's for ReLU), or put batch norm or skip "
        "connections in.",
        numbers
        | {"ratio": ratio, "ratio_limit": limits["ratio"]}
        | {"strongest": strongest, "weak_limit": limits["weak"]},
        first,
        (edits.part("initialise"), edits.part("norm")),
    )


def _watched(evidence: Evidence, limit: float, short: float) -> Suspicion | None:
    """By the gradients of a training that is watched: of the first and the last weight, each over its own size."""
    layers = evidence.architecture.layers if evidence.architecture else ()
    # Of a table few rows are looked up: its gradient is small beside it whatever comes back.
    tables = {f"{layer.name}.weight" for layer in layers if layer.id == "embedding"}
    ratios, first = [], ""
    for look in evidence.looks:
        weights = [
            name for name in look.gradients if name.endswith("weight") and look.norms[name] and name not in tables
        ]
        sizes = {name: size / look.norms[name] for name in weights if (size := look.gradients[name]) is not None}
        if len(sizes) > 1 and list(sizes.values())[-1] > 0:
            first, *_, last = sizes
            ratios.append(sizes[first] / sizes[last])
    if not ratios or not sorted(ratios)[len(ratios) // 2] < limit:
        return None
    ratio = sorted(ratios)[len(ratios) // 2]
    return Suspicion(
        "watched",
        f"Beside its size the gradient of {first} is {ratio:.1g} times that of the last weight: it does not learn.",
        "Put ReLU in the place of activations that are flat on both sides, start the weights by the rule that the "
        "activation wants, or put batch norm or skip connections in.",
        {"ratio": ratio, "ratio_limit": limit, "shortfall": short},
        first,
        (edits.part("initialise"), edits.part("norm")),
    )


def _places(evidence: Evidence) -> int:
    """Length of the sequence: the longest axis but the last one of an input, or of an input of whole numbers."""
    shapes = [part.shape for part in evidence.inputs.parts] if evidence.inputs else []
    return max((max(shape[:-1] if len(shape) > 1 else shape) for shape in shapes if shape), default=0)
